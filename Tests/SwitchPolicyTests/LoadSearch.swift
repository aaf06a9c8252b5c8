import LockPlatform
import SwitchPolicy

/// What an adversary does who sees everything that the policy does: for each set in force, levels of
/// steal for so many samples each, the last of them until the policy goes.
struct AdverseLoad: CustomStringConvertible {
  struct Step {
    var steal: UInt32
    var samples: Int
  }

  var against: PerSet<[Step]>

  var description: String {
    func text(_ steps: [Step]) -> String {
      steps.map { "\($0.steal / 1000) per mille x \($0.samples)" }.joined(separator: ", ")
    }
    return "native: \(text(against.native)); paravirtual: \(text(against.paravirtual));"
      + " test-and-set: \(text(against.testAndSet))"
  }

  func steal(in set: LockSet, after samples: Int) -> UInt32 {
    var left = samples
    let steps = against[set]
    for step in steps {
      if left < step.samples { return step.steal }
      left -= step.samples
    }
    return steps.last?.steal ?? 0
  }
}

/// What a load costs the policy, and what it costs the omniscient chooser.
struct LoadResult {
  var lost: Int64 = 0
  var least: Int64 = 0
  /// What both lose whatever they do, which is part of both.
  var unavoidable: Int64 = 0
  var changes = 0
  var price: Int64 = 0

  /// How many times the chooser's loss, once one switch is taken off.
  var ratio: Double { Double(lost - price) / Double(max(least, 1)) }
  /// The same of what could have been avoided.
  var strictRatio: Double {
    Double(lost - unavoidable - price) / Double(max(least - unavoidable, 1))
  }
}

extension LoadResult {
  /// Plays a load against the policy.
  ///
  /// Nothing here allocates: a search plays many.
  init(
    _ load: AdverseLoad, _ settings: PolicySettings, interval: UInt64, samples: Int,
    startingIn start: LockSet
  ) {
    var policy = Policy(in: start, settings)
    var host = FakeHost()
    host.interval = interval
    var best = PerSet<Int64>(native: 0, paravirtual: 0, testAndSet: 0)
    var age = 0
    for index in 0..<samples {
      let set = policy.inForce
      let sample = host.sample(steal: load.steal(in: set, after: age))
      guard let losses = sample.losses(settings) else { break }
      lost += losses[set]
      var floor = Int64.max
      settings.candidates.forEach { floor = min(floor, losses[$0]) }
      unavoidable += floor
      // The chooser, without a look at the policy's own work function.
      if index == 0 {
        settings.candidates.forEach {
          best[$0] = losses[start] + ($0 == start ? 0 : settings.prices[$0])
        }
      } else {
        settings.candidates.forEach { best[$0] += losses[$0] }
        var least = Int64.max
        settings.candidates.forEach { least = min(least, best[$0]) }
        settings.candidates.forEach { best[$0] = min(best[$0], least + settings.prices[$0]) }
      }
      age += 1
      if let next = policy.decide(sample).change {
        policy.switched(to: next, at: sample.time)
        lost += settings.prices[next]
        changes += 1
        age = 0
      }
    }
    least = .max
    settings.candidates.forEach {
      least = min(least, best[$0])
      price = max(price, settings.prices[$0])
    }
  }
}

/// A search for the load that costs a policy most against the omniscient chooser: many random loads,
/// then small changes to the worst of them as long as they make it worse.
struct LoadSearch {
  var settings: PolicySettings
  var interval: UInt64
  var samples = 1500
  var seed: UInt64 = 1
  /// What is to be made as large as it can be.
  var measure: (LoadResult) -> Double = { $0.ratio }

  static let levels: [UInt32] =
    [0, 0, 500, 1000, 2000, 3500, 5000, 10_000, 15_000, 20_000, 29_000, 35_000, 50_000, 75_000]
    + [100_000, 150_000, 200_000, 300_000, 500_000, 700_000, 900_000]

  func worst(random: Int, climbs: Int) -> (load: AdverseLoad, result: LoadResult) {
    var numbers = SeededNumbers(seed)
    var kept: [(load: AdverseLoad, result: LoadResult)] = []
    for _ in 0..<random {
      let load = AdverseLoad(
        against: PerSet(
          native: steps(&numbers), paravirtual: steps(&numbers), testAndSet: steps(&numbers)))
      kept.append((load, play(load, samples: samples / 3)))
      if kept.count > 64 {
        kept.sort { measure($0.result) > measure($1.result) }
        kept.removeLast(56)
      }
    }
    kept.sort { measure($0.result) > measure($1.result) }
    var best = kept.prefix(8).map { (load: $0.load, result: play($0.load, samples: samples)) }
    for index in best.indices {
      for _ in 0..<climbs {
        let load = changed(best[index].load, &numbers)
        let result = play(load, samples: samples)
        if measure(result) >= measure(best[index].result) { best[index] = (load, result) }
      }
    }
    best.sort { measure($0.result) > measure($1.result) }
    return best[0]
  }

  private func play(_ load: AdverseLoad, samples: Int) -> LoadResult {
    LoadResult(load, settings, interval: interval, samples: samples, startingIn: .native)
  }

  private func steps(_ numbers: inout SeededNumbers) -> [AdverseLoad.Step] {
    (0..<Int.random(in: 1...3, using: &numbers)).map { _ in
      AdverseLoad.Step(
        steal: Self.levels.randomElement(using: &numbers) ?? 0,
        samples: Int.random(in: 1...12, using: &numbers))
    }
  }

  private func changed(
    _ load: AdverseLoad, _ numbers: inout SeededNumbers
  ) -> AdverseLoad {
    var load = load
    let set: LockSet =
      [.native, .paravirtual, .testAndSet].randomElement(using: &numbers) ?? .native
    let index = Int.random(in: load.against[set].indices, using: &numbers)
    switch Int.random(in: 0..<6, using: &numbers) {
    case 0: load.against[set] = steps(&numbers)
    case 1:
      load.against[set][index].samples = max(
        1, load.against[set][index].samples + Int.random(in: -2...2, using: &numbers))
    case 2: load.against[set][index].steal = Self.levels.randomElement(using: &numbers) ?? 0
    default:
      // A step too small for the list of levels.
      let factor = Double.random(in: 0.8...1.25, using: &numbers)
      load.against[set][index].steal = UInt32(
        min(900_000, Double(load.against[set][index].steal) * factor))
    }
    return load
  }
}

extension LoadResult {
  /// By how much the promise is broken where it is broken most; what is kept is negative.
  static func worstMoment(
    _ load: [UInt32], _ settings: PolicySettings, startingIn start: LockSet
  ) -> Int64 {
    var worst = Int64.min
    var policy = Policy(in: start, settings)
    var host = FakeHost()
    var lost: Int64 = 0
    var best: PerSet<Int64>?
    var price: Int64 = 0
    settings.candidates.forEach { price = max(price, settings.prices[$0]) }
    for steal in load {
      let sample = host.sample(steal: steal)
      guard let losses = sample.losses(settings) else { return .max }
      lost += losses[policy.inForce]
      var next =
        best ?? PerSet(native: losses[start], paravirtual: losses[start], testAndSet: losses[start])
      var least = Int64.max
      if best == nil {
        settings.candidates.forEach { if $0 != start { next[$0] += settings.prices[$0] } }
        least = losses[start]
      } else {
        settings.candidates.forEach { next[$0] += losses[$0] }
        settings.candidates.forEach { least = min(least, next[$0]) }
        settings.candidates.forEach { next[$0] = min(next[$0], least + settings.prices[$0]) }
      }
      best = next
      if let set = policy.decide(sample).change {
        policy.switched(to: set, at: sample.time)
        lost += settings.prices[set]
      }
      worst = max(worst, lost - 3 * least - price)
    }
    return worst
  }
}
