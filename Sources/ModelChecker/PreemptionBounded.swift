/// Every schedule with a bounded number of preemptions (Musuvathi and Qadeer, PLDI 2007): most flaws
/// need only one or two, so models with far more CPUs and steps are within reach.
///
/// A preemption stops a CPU that could have gone on; an interrupt and a spurious wake-up count as
/// preemptions, too. Commits of store buffers are free. Livelocks are not looked for.
public enum PreemptionBounded {
  /// Explores; what does not fail is `cut`, by the number of preemptions unless by something else.
  public static func explore(
    _ program: ModelProgram, preemptions: Int, _ limits: Limits = Limits(),
    report: (Progress) -> Bool = { _ in true }
  ) -> Exploration {
    Machine.with(program) { machine in
      machine.start()
      var search = Bounded(
        machine, .anyFlaw, preemptions: preemptions, limits, longest: limits.depth)
      defer { search.table.deallocate() }
      search.run(report)
      let verdict = search.best.map { Verdict.fails($0) } ?? .cut(search.cut ?? .preemptions)
      return Exploration(
        verdict: verdict, states: search.table.count, steps: search.steps, depth: search.depth,
        seconds: search.elapsed)
    }
  }
}

/// A depth-first search of all schedules with a bounded number of preemptions.
struct Bounded {
  enum Target {
    /// The first flaw that is found.
    case anyFlaw
    /// The shortest schedule to a flaw of this kind.
    case flaw(Flaw)
    /// The shortest schedule to one of these states.
    case states(Set<StateKey>)
  }

  struct Frame: BitwiseCopyable {
    var actions: ActionList
    var next: Int
    var snapshot: Int
    /// Which CPU acted last, and how many preemptions were used.
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
  /// Why the search ended early, if it did.
  var cut: Verdict.Cut?
  var steps = 0
  var depth = 0
  let clock = ContinuousClock()
  let began: ContinuousClock.Instant

  init(_ machine: Machine, _ target: Target, preemptions: Int, _ limits: Limits, longest: Int) {
    self.machine = machine
    self.target = target
    self.preemptions = preemptions
    self.limits = limits
    self.longest = longest
    snapshots = Snapshots(machine, limit: 8 << 30)
    began = clock.now
  }

  var elapsed: Double { (clock.now - began) / .seconds(1) }

  /// Contract: the machine is where the schedules begin.
  mutating func run(_ report: (Progress) -> Bool) {
    enter(last: UInt8.max, used: 0)
    var countdown = 1 << 12
    while let top = frames.indices.last {
      countdown -= 1
      if countdown == 0 {
        countdown = 1 << 12
        let progress = Progress(
          states: table.count, steps: steps, depth: frames.count, seconds: elapsed)
        if !report(progress) || progress.seconds > limits.seconds { cut = .time }
        if table.count > limits.states { cut = .states }
        if cut != nil { return }
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
      steps += 1
      enter(last: last, used: used)
      if isFirstEnough, best != nil { return }
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
    // One more action than the best so far has, or than is allowed.
    guard frames.count + 1 < longest else {
      if isFirstEnough { cut = .depth }
      return
    }
    key.low = Hash.mix(key.low, UInt64(last) << 8 | UInt64(used))
    key.high = Hash.mix(key.high, UInt64(used) << 8 | UInt64(last))
    let here = UInt32(frames.count + 1)
    let slot = table.find(key)
    if table[slot] != 0, isFirstEnough || table[slot] <= here { return }
    table[slot] = here
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
      guard let place = snapshots.push() else {
        cut = .depth
        return
      }
      snapshot = place
    }
    frames.append(Frame(actions: actions, next: 0, snapshot: snapshot, last: last, used: used))
    depth = max(depth, frames.count)
  }

  /// Whether it does not matter how soon a state is reached.
  private var isFirstEnough: Bool {
    if case .anyFlaw = target { true } else { false }
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
    case (_, .anyFlaw): true
    }
  }
}
