/// Every schedule of a model: depth-first, each state once.
///
/// A state is everything that decides what may still happen (memory, store buffers, where each CPU is
/// in its code), so a state seen before need not be explored again. Livelocks are found as strongly
/// connected components of states (Tarjan, SIAM J. Comput. 1972) in which every CPU either takes
/// steps or is at times unable to: schedules that are fair and yet never end.
public enum Exhaustive {
  /// Explores.
  ///
  /// `report` is called with the progress every so often; false ends the exploration (`cut`, time).
  public static func explore(
    _ program: ModelProgram, _ limits: Limits = Limits(),
    report: (Progress) -> Bool = { _ in true }
  ) -> Exploration {
    Machine.with(program) { machine in
      var search = DepthFirst(machine, limits)
      defer { search.table.deallocate() }
      return search.run(report)
    }
  }
}

private struct DepthFirst {
  /// A state on the path from the first one to here.
  struct Frame: BitwiseCopyable {
    var actions: ActionList
    var next: Int
    /// Where it was saved; a state with only one action is not saved.
    var snapshot: Int
    /// In the order of discovery.
    var number: UInt32
    /// The lowest number that is reachable and still open.
    var lowest: UInt32
    /// Which CPUs take steps within the component, as far as it is known.
    var turns: Turns
    /// Whether some CPU that must finish has not.
    var isUnfinished: Bool
    /// How many open states there were when this one was entered.
    var open: Int
  }

  let machine: Machine
  let limits: Limits
  let snapshots: Snapshots
  var table = StateTable()
  var frames: [Frame] = []
  /// Keys of the states whose component is not known yet.
  var open: [StateKey] = []
  var numbers: UInt32 = 0
  var result = Exploration(verdict: .holds)
  let clock = ContinuousClock()
  let began: ContinuousClock.Instant

  /// The number of a state whose component is known.
  static let closed = UInt32.max

  init(_ machine: Machine, _ limits: Limits) {
    self.machine = machine
    self.limits = limits
    snapshots = Snapshots(machine, limit: 8 << 30)
    began = clock.now
  }

  mutating func run(_ report: (Progress) -> Bool) -> Exploration {
    machine.start()
    if let verdict = enter() ?? search(report) { result.verdict = verdict }
    result.states = table.count
    result.seconds = elapsed
    return result
  }

  var elapsed: Double { (clock.now - began) / .seconds(1) }

  mutating func search(_ report: (Progress) -> Bool) -> Verdict? {
    var countdown = 1 << 16
    while let top = frames.indices.last {
      countdown -= 1
      if countdown == 0 {
        countdown = 1 << 16
        if let cut = pausing(report) { return cut }
      }
      guard frames[top].next < frames[top].actions.count else {
        if let verdict = leave() { return verdict }
        continue
      }
      let action = frames[top].actions[frames[top].next]
      if frames[top].next > 0 { snapshots.restore(frames[top].snapshot) }
      frames[top].next += 1
      machine.perform(action)
      result.steps += 1
      if let verdict = enter() { return verdict }
    }
    return nil
  }

  private func pausing(_ report: (Progress) -> Bool) -> Verdict? {
    let seconds = elapsed
    let progress = Progress(
      states: table.count, steps: result.steps, depth: frames.count, seconds: seconds)
    if seconds > limits.seconds || !report(progress) { return .cut(.time) }
    return table.count > limits.states ? .cut(.states) : nil
  }

  /// Enters the machine's present state, which the last action of the top frame led to.
  private mutating func enter() -> Verdict? {
    if let flaw = machine.flaw { return fails(flaw) }
    let key = machine.key
    let slot = table.find(key)
    let seen = table[slot]
    if seen != 0 {
      // An open state is in the component of this path: the action stays within it.
      if seen != Self.closed, let top = frames.indices.last {
        frames[top].lowest = min(frames[top].lowest, seen)
        frames[top].turns.note(lastAction(top))
      }
      return nil
    }
    numbers += 1
    table[slot] = numbers
    let actions = machine.possible
    guard actions.count > 0 else {
      table[table.find(key)] = Self.closed
      guard machine.allFinished else { return fails(.deadlock) }
      return machine.program.atEnd(FinalMemory(memory: machine.memory)).flatMap {
        fails(.assertion($0))
      }
    }
    guard frames.count < limits.depth else { return .cut(.depth) }
    var snapshot = -1
    if actions.count > 1 || frames.isEmpty {
      guard let place = snapshots.push() else { return .cut(.depth) }
      snapshot = place
    }
    frames.append(
      Frame(
        actions: actions, next: 0, snapshot: snapshot, number: numbers, lowest: numbers,
        turns: Turns(resting: Turns.resting(in: machine)), isUnfinished: machine.isUnfinished,
        open: open.count))
    open.append(key)
    result.depth = max(result.depth, frames.count)
    return nil
  }

  /// Leaves the top frame: everything that follows from it has been seen.
  private mutating func leave() -> Verdict? {
    let frame = frames[frames.count - 1]
    if frame.lowest == frame.number {
      // The root of a component: all states opened since belong to it.
      let size = open.count - frame.open
      if frame.turns.acting != 0, frame.isUnfinished, frame.turns.areFair(to: machine.cpuCount) {
        return goesOnForEver()
      }
      for index in frame.open..<open.count { table[table.find(open[index])] = Self.closed }
      open.removeLast(size)
    }
    frames.removeLast()
    if frame.snapshot >= 0 { snapshots.pop(to: frame.snapshot) }
    if frame.lowest != frame.number, let top = frames.indices.last {
      frames[top].lowest = min(frames[top].lowest, frame.lowest)
      frames[top].turns.note(lastAction(top))
      frames[top].turns.add(frame.turns)
    }
    return nil
  }

  private func lastAction(_ frame: Int) -> Action {
    frames[frame].actions[frames[frame].next - 1]
  }

  /// The livelock whose component has the top frame as its root.
  private func goesOnForEver() -> Verdict {
    let top = frames.count - 1
    let component = Set(open[frames[top].open...])
    // The first state is always saved.
    snapshots.restore(frames[0].snapshot)
    let way =
      Shortening.way(machine, to: component, longest: frames.count) ?? (0..<top).map(lastAction)
    snapshots.restore(frames[0].snapshot)
    for action in way { machine.perform(action) }
    let cycle = FairCycle(machine, snapshots, within: component).cycle()
    return .fails(Failure(flaw: .livelock, schedule: way, cycle: cycle))
  }

  private func fails(_ flaw: Flaw) -> Verdict {
    .fails(Failure(flaw: flaw, schedule: frames.indices.map(lastAction)))
  }
}
