/// One schedule, carried out again.
public enum Replay {
  /// Why a schedule could not be carried out.
  public enum Problem: Error, Equatable, Sendable {
    /// The action at this index is not possible there: another model, or another version of it.
    case impossible(index: Int)
  }

  /// Carries out a schedule; `tell` is told of every operation.
  ///
  /// Returns what it ends in, nil if in nothing bad.
  public static func run(
    _ program: ModelProgram, _ schedule: [Action], tell: @escaping (Event) -> Void = { _ in }
  ) throws(Problem) -> Flaw? {
    let (flaw, impossible): (Flaw?, Int?) = Machine.with(program) { machine in
      machine.observer = tell
      machine.start()
      for (index, action) in schedule.enumerated() {
        if machine.flaw != nil { break }
        guard machine.allows(action) else { return (nil, index) }
        machine.perform(action)
      }
      return (machine.verdictHere, nil)
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

  /// What is wrong with this state, if no more is possible or a check failed.
  var verdictHere: Flaw? {
    if let flaw { return flaw }
    guard possible.count == 0 else { return nil }
    guard allFinished else { return .deadlock }
    return program.atEnd(FinalMemory(memory: memory)).map { .assertion($0) }
  }
}
