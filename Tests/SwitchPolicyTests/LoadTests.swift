import LockPlatform
import PolicySimulation
import SwitchPolicy
import Testing

/// How noise gets into a steady level of steal.
enum Noise: CaseIterable {
  case none
  /// A quarter of the level more or less, and a thousandth of all.
  case relative
  /// CPUs are taken away for whole slices of 4 ms, at random: at low levels, none in most samples.
  case slices
  /// Half of the samples have twice the level, half nothing.
  case halves

  func steal(_ level: UInt32, _ host: FakeHost, _ numbers: inout SeededNumbers) -> UInt32 {
    switch self {
    case .none: return level
    case .relative:
      let noise = Int32(level / 4) + 1000
      return UInt32(max(0, Int32(level) + Int32.random(in: -noise...noise, using: &numbers)))
    case .slices:
      let slices = Int(host.interval / 4_000_000) * Int(host.cpus)
      let taken = (0..<slices).count { _ in
        UInt32.random(in: 0..<1_000_000, using: &numbers) < level
      }
      return UInt32(taken * 1_000_000 / slices)
    case .halves: return Bool.random(using: &numbers) ? min(2 * level, 1_000_000) : 0
    }
  }
}

@Suite struct LoadTests {
  /// Shares of steal in parts per million: fine where native and paravirtual are equally good.
  static let levels: [UInt32] =
    (0...50).map { $0 * 100 }
    + [7000, 10_000, 15_000, 20_000, 35_000, 50_000, 100_000, 200_000, 500_000, 700_000, 900_000]

  /// The most changes in ten minutes of steady load, of all levels.
  static func mostChanges(_ settings: PolicySettings, _ noise: Noise, from start: LockSet) -> Int {
    levels.map { level in
      (1...4 as ClosedRange<UInt64>).map { seed in
        var numbers = SeededNumbers(seed)
        var host = FakeHost()
        var policy = Policy(in: start, settings)
        return (0..<2400).count { _ in
          policy.follow(host.sample(steal: noise.steal(level, host, &numbers)))
        }
      }.max() ?? 0
    }.max() ?? 0
  }

  @Test(arguments: Noise.allCases, [LockSet.native, .paravirtual])
  func aSteadyLoadMakesOneChangeAtMost(_ noise: Noise, _ start: LockSet) {
    #expect(Self.mostChanges(.guest, noise, from: start) <= 1)
  }

  /// The rule alone follows the noise wherever two sets are equally good.
  @Test func withoutMemoryTheNoiseIsFollowed() {
    var settings = PolicySettings.guest
    settings.memory = 0
    #expect(Self.mostChanges(settings, .slices, from: .native) > 1)
  }

  /// A hog that comes and goes: to paravirtual within 1.5 s of its coming, to native within 10 s of
  /// its end, each time, and nothing else.
  ///
  /// Wherever in a sample it comes.
  @Test(
    arguments: [100_000, 200_000, 500_000] as [UInt32], [0, 60_000_000, 240_000_000] as [UInt64])
  func aHogIsFollowedInTime(_ steal: UInt32, _ offset: UInt64) {
    var host = FakeHost()
    var policy = Policy(in: .native, .guest)
    let start = host.time
    var seen: [(after: Double, to: LockSet)] = []
    for index in 0..<1200 {
      // The share of this sample in which the hog is there: 30 s off, 30 s on.
      let phase = index % 240
      let isFirst = phase == 120 || (phase == 0 && index > 0)
      let part = isFirst ? UInt32((host.interval - offset) * 1000 / host.interval) : 1000
      let level = phase >= 120 ? steal / 1000 * part : isFirst ? steal / 1000 * (1000 - part) : 0
      let sample = host.sample(steal: level)
      if let set = policy.decide(sample).change {
        policy.switched(to: set, at: sample.time)
        let since = (sample.time - start - offset) % 30_000_000_000
        seen.append((Double(since) / 1e9, set))
      }
    }
    #expect(seen.count == 9)
    for (index, change) in seen.enumerated() {
      #expect(change.to == (index % 2 == 0 ? .paravirtual : .native))
      #expect(change.after <= (change.to == .paravirtual ? 1.5 : 10))
    }
  }

  /// A program with eight threads a CPU, and then with one: 0.3 s and 2 s.
  @Test func aProgramIsFollowedInTime() {
    var host = FakeHost()
    host.interval = PolicySettings.program.interval
    host.cpus = 16
    var policy = Policy(in: .native, .program)
    func time(steal: UInt32) -> Double? {
      (1...400).first { _ in policy.follow(host.sample(steal: steal)) }
        .map { Double($0) * Double(host.interval) / 1e9 }
    }
    #expect((time(steal: 875_000) ?? .infinity) <= 0.3)
    #expect(policy.inForce == .paravirtual)
    #expect((time(steal: 10_000) ?? .infinity) <= 2)
    #expect(policy.inForce == .native)
  }

  /// Loads as they are seen, for an hour each: at most 1.3 times the least.
  @Test(arguments: 1...6 as ClosedRange<UInt64>)
  func typicalLoadsLoseLittle(_ seed: UInt64) {
    var numbers = SeededNumbers(seed)
    var host = FakeHost()
    var samples: [PolicySample] = []
    while samples.count < 14_400 {
      // A neighbour that comes for 5 s to 2 min, and takes some of the CPUs; rest in between.
      let levels: [UInt32] = [20_000, 50_000, 100_000, 300_000, 500_000]
      let level = levels.randomElement(using: &numbers) ?? 0
      for (length, steal) in [(20...480, level), (40...960, 0)] {
        let noise = Noise.slices
        for _ in 0..<Int.random(in: length, using: &numbers) {
          samples.append(host.sample(steal: noise.steal(steal, host, &numbers)))
        }
      }
    }
    let run = Simulation(samples, startingIn: .native, .guest)
    #expect((run.ratio ?? .infinity) <= 1.3)
    #expect(run.lost < run.lostByStaying.native && run.lost < run.lostByStaying.paravirtual)
    #expect(run.keepsPromise == true)
  }
}
