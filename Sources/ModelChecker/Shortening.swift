/// From a failing schedule to one that people can read: as few preemptions as possible, and with
/// so many as few actions as possible.
///
/// A preemption takes a CPU away that could have gone on; so do an interrupt and a wake-up for no
/// reason. Commits of store buffers are free.
public enum Shortening {
  /// Looks for a better schedule with the same kind of flaw; returns the failure itself if there
  /// is none within the limits (which are for each number of preemptions).
  ///
  /// `goOn` is asked every so often; false ends the search.
  public static func shorten(
    _ failure: Failure, of program: ModelProgram,
    _ limits: Limits = Limits(states: 5_000_000, seconds: 20), goOn: () -> Bool = { true }
  ) -> Failure {
    // Its way into the cycle was shortened when the cycle was found.
    if failure.flaw == .livelock { return failure }
    for preemptions in 0...6 where goOn() {
      let best = Machine.with(program) { machine in
        machine.start()
        var search = Bounded(
          machine, .flaw(failure.flaw), preemptions: preemptions, limits,
          longest: max(failure.schedule.count * 2, 64))
        defer { search.table.deallocate() }
        search.run(goOn)
        return search.best
      }
      if let best { return best }
    }
    return failure
  }
}

extension Shortening {
  /// A short way from the machine's present state to one of others; nil if none is found soon.
  static func way(_ machine: Machine, to states: Set<StateKey>, longest: Int) -> [Action]? {
    let snapshots = Snapshots(machine, limit: 1 << 24)
    guard let first = snapshots.push() else { return nil }
    for preemptions in 0...4 {
      snapshots.restore(first)
      var search = Bounded(
        machine, .states(states), preemptions: preemptions,
        Limits(states: 1_000_000, seconds: 5), longest: longest)
      defer { search.table.deallocate() }
      search.run { true }
      if let best = search.best { return best.schedule }
    }
    return nil
  }
}

/// All schedules of so few preemptions, for the shortest that leads where it should.
private struct Bounded {
  enum Target {
    case flaw(Flaw)
    case states(Set<StateKey>)
  }

  struct Frame: BitwiseCopyable {
    var actions: ActionList
    var next: Int
    var snapshot: Int
    /// Who acted last, and how many preemptions were used.
    var last: UInt8
    var used: UInt8
  }

  let machine: Machine
  let target: Target
  let preemptions: Int
  let limits: Limits
  let snapshots: Snapshots
  /// The depth at which a state was last seen, plus one: again at a smaller one it is new.
  var table = StateTable()
  var frames: [Frame] = []
  var longest: Int
  var best: Failure?
  let clock = ContinuousClock()
  let began: ContinuousClock.Instant

  init(_ machine: Machine, _ target: Target, preemptions: Int, _ limits: Limits, longest: Int) {
    self.machine = machine
    self.target = target
    self.preemptions = preemptions
    self.limits = limits
    self.longest = longest
    snapshots = Snapshots(machine, limit: 1 << 30)
    began = clock.now
  }

  /// Contract: the machine is where the schedules begin.
  mutating func run(_ goOn: () -> Bool) {
    enter(last: UInt8.max, used: 0)
    var countdown = 1 << 12
    while let top = frames.indices.last {
      countdown -= 1
      if countdown == 0 {
        countdown = 1 << 12
        if !goOn() || (clock.now - began) / .seconds(1) > limits.seconds
          || table.count > limits.states
        {
          return
        }
      }
      guard frames[top].next < frames[top].actions.count else {
        if frames[top].snapshot >= 0 { snapshots.pop(to: frames[top].snapshot) }
        frames.removeLast()
        continue
      }
      let action = frames[top].actions[frames[top].next]
      if frames[top].next > 0 { snapshots.restore(frames[top].snapshot) }
      frames[top].next += 1
      let used = frames[top].used + cost(action, after: frames[top].last)
      guard Int(used) <= preemptions else { continue }
      let last = action.kind == .commit ? frames[top].last : action.cpu
      machine.perform(action)
      enter(last: last, used: used)
    }
  }

  /// Contract: the machine is in the state of the top frame.
  private func cost(_ action: Action, after last: UInt8) -> UInt8 {
    switch action.kind {
    case .commit: 0
    case .interrupt, .wakeUp: 1
    case .step:
      last != action.cpu && last != UInt8.max && machine.canStep(Int(last)) ? 1 : 0
    }
  }

  private mutating func enter(last: UInt8, used: UInt8) {
    var key = machine.key
    if let flaw = machine.verdictHere ?? isThere(key) {
      if isWanted(flaw), frames.count < longest {
        longest = frames.count
        best = Failure(flaw: flaw, schedule: frames.map { $0.actions[$0.next - 1] })
      }
      return
    }
    // One more action than the best so far has.
    guard frames.count + 1 < longest else { return }
    key.low = Hash.mix(key.low, UInt64(last) << 8 | UInt64(used))
    key.high = Hash.mix(key.high, UInt64(used) << 8 | UInt64(last))
    let depth = UInt32(frames.count + 1)
    let slot = table.find(key)
    if table[slot] != 0 && table[slot] <= depth { return }
    table[slot] = depth
    let possible = machine.possible
    guard possible.count > 0 else { return }
    // Going on with the same CPU first: schedules with long runs are found early.
    var actions = ActionList()
    for index in 0..<possible.count where possible[index].cpu == last {
      actions.append(possible[index])
    }
    for index in 0..<possible.count where possible[index].cpu != last {
      actions.append(possible[index])
    }
    var snapshot = -1
    if actions.count > 1 {
      guard let place = snapshots.push() else { return }
      snapshot = place
    }
    frames.append(Frame(actions: actions, next: 0, snapshot: snapshot, last: last, used: used))
  }

  /// States are looked for because a livelock begins in them.
  private func isThere(_ key: StateKey) -> Flaw? {
    if case .states(let states) = target, states.contains(key) { .livelock } else { nil }
  }

  private func isWanted(_ flaw: Flaw) -> Bool {
    switch (flaw, target) {
    case (.badAccess, .flaw(.badAccess)): true
    case (_, .flaw(let wanted)): flaw == wanted
    case (_, .states): flaw == .livelock
    }
  }
}
