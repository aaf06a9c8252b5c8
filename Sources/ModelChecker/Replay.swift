/// One schedule, carried out again.
public enum Replay {
  /// Why a schedule could not be carried out.
  public enum Problem: Error, Equatable, Sendable {
    /// The action at this index is not possible there: another model, or another version of it.
    case impossible(index: Int)
  }

  /// Carries out a schedule, and once the cycle that is said to repeat for ever after it; `tell` is
  /// called with every operation.
  ///
  /// Returns the flaw that it ends in, or nil. A livelock counts only if the cycle leads back to the
  /// very state in which it begins, and leaves out no CPU that could go on.
  public static func run(
    _ program: ModelProgram, _ schedule: [Action], cycle: [Action] = [],
    tell: @escaping (Event) -> Void = { _ in }
  ) throws(Problem) -> Flaw? {
    let (flaw, impossible): (Flaw?, Int?) = Machine.with(program) { machine in
      machine.observer = tell
      machine.start()
      for (index, action) in schedule.enumerated() {
        if machine.flaw != nil { return (machine.flaw, nil) }
        guard machine.allows(action) else { return (nil, index) }
        machine.action = index
        machine.perform(action)
      }
      if let flaw = machine.verdictHere {
        machine.action = schedule.count
        if flaw == .deadlock { machine.observeWaiting() }
        return (flaw, nil)
      }
      return machine.repeats(cycle, from: schedule.count)
    }
    if let impossible { throw .impossible(index: impossible) }
    return flaw
  }
}

extension Machine {
  /// Whether an action is possible now.
  func allows(_ action: Action) -> Bool {
    let possible = possible
    for index in 0..<possible.count where possible[index] == action { return true }
    return false
  }

  /// Reports the CPUs that wait for ever.
  fileprivate func observeWaiting() {
    for cpu in 0..<cpuCount {
      switch cpus[cpu].status {
      case .asleep: observe(cpu, "sleeps for good", cpus[cpu].request)
      case .pausing:
        // What it reads again and again, as it is.
        for index in 0..<Int(cpus[cpu].watchCount) {
          let word = cpus[cpu].watch[index]
          var request = cpus[cpu].request
          request.address = UInt64(word.address)
          observe(cpu, "waits for good for a change", request, word.value)
        }
        if cpus[cpu].watchCount == 0 { observe(cpu, "waits for good") }
      case .ready, .woken, .finished: break
      }
    }
  }

  /// Carries out a cycle; a livelock if it is a fair one.
  ///
  /// Stacks are part of the state, and so is what earlier calls have left in places that no code reads.
  /// When the explorer found the cycle, these had been overwritten many times; here it may take a lap or
  /// two until they hold what they will hold for ever.
  fileprivate func repeats(_ cycle: [Action], from first: Int) -> (Flaw?, Int?) {
    guard !cycle.isEmpty else { return (nil, nil) }
    for _ in 0..<3 {
      let begin = key
      var turns = Turns()
      for (index, action) in cycle.enumerated() {
        turns.note(self)
        guard allows(action) else { return (nil, first + index) }
        self.action = first + index
        perform(action)
        turns.note(action)
        if let flaw { return (flaw, nil) }
      }
      if key == begin {
        return (isUnfinished && turns.areFair(to: cpuCount) ? .livelock : nil, nil)
      }
    }
    return (nil, nil)
  }

  /// What is wrong with this state, if no more is possible or a check failed.
  var verdictHere: Flaw? {
    if let flaw { return flaw }
    guard possible.count == 0 else { return nil }
    guard allFinished else { return .deadlock }
    return program.atEnd(FinalMemory(memory: memory)).map { .assertion($0) }
  }
}
