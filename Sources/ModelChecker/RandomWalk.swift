/// Schedules at random, for models that are too large to be covered: the same seed, the same
/// schedules.
///
/// At each step the CPU that acted last goes on with a probability of one half, so that long runs
/// and quick alternations both occur.
public enum RandomWalk {
  /// Runs this many schedules, or fewer if one fails or the time limit is reached.
  public static func explore(
    _ program: ModelProgram, schedules: Int, seed: UInt64, _ limits: Limits = Limits(),
    report: (Progress) -> Bool = { _ in true }
  ) -> Exploration {
    Machine.with(program) { explore($0, schedules: schedules, seed: seed, limits, report) }
  }

  private static func explore(
    _ machine: Machine, schedules: Int, seed: UInt64, _ limits: Limits,
    _ report: (Progress) -> Bool
  ) -> Exploration {
    let clock = ContinuousClock()
    let began = clock.now
    var random = SplitMix(state: seed)
    var result = Exploration(verdict: .cut(.schedules))
    machine.start()
    let snapshots = Snapshots(machine, limit: 1 << 24)
    guard let first = snapshots.push() else { return result }
    var reported = 0
    while result.states < schedules {
      snapshots.restore(first)
      let (flaw, schedule) = walk(machine, &random, limits.depth)
      result.states += 1
      result.steps += schedule.count
      result.depth = max(result.depth, schedule.count)
      result.seconds = (clock.now - began) / .seconds(1)
      if let flaw {
        result.verdict = .fails(Failure(flaw: flaw, schedule: schedule))
        return result
      }
      let progress = Progress(
        states: result.states, steps: result.steps, depth: schedule.count,
        seconds: result.seconds)
      let isTime = result.steps - reported >= 1 << 16
      if isTime { reported = result.steps }
      if result.seconds > limits.seconds || (isTime && !report(progress)) {
        result.verdict = .cut(.time)
        return result
      }
    }
    return result
  }

  private static func walk(
    _ machine: Machine, _ random: inout SplitMix, _ depth: Int
  ) -> (Flaw?, [Action]) {
    var schedule: [Action] = []
    while schedule.count < depth {
      if let flaw = machine.verdictHere { return (flaw, schedule) }
      let possible = machine.possible
      guard possible.count > 0 else { break }
      var pick = Int(random.next() % UInt64(possible.count))
      if let last = schedule.last, random.next() & 1 == 0 {
        for index in 0..<possible.count
        where possible[index].kind == .step && possible[index].cpu == last.cpu {
          pick = index
          break
        }
      }
      schedule.append(possible[pick])
      machine.perform(possible[pick])
    }
    return (nil, schedule)
  }
}

/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
private struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}
