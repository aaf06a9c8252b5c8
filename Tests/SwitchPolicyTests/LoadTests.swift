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
      let noise = Double.random(in: -0.25...0.25, using: &numbers) * Double(level)
      return UInt32(max(0, Double(level) + noise + Double.random(in: -1000...1000, using: &numbers)))
    case .slices:
      let slices = Int(host.interval / 4_000_000) * Int(host.cpus)
      let taken = (0..<slices).count { _ in UInt32.random(in: 0..<1_000_000, using: &numbers) < level }
      return UInt32(taken * 1_000_000 / slices)
    case .halves: return Bool.random(using: &numbers) ? min(2 * level, 1_000_000) : 0
    }
  }
}

@Suite struct LoadTests {
  @Test func exploreNoise() {
    for noise in Noise.allCases {
      for start in [LockSet.native, .paravirtual] {
        var bad: [String] = []
        for permyriad in Array(0...60) + [70, 80, 100, 120, 150, 200, 300, 500, 1000, 2000, 5000, 7000, 9000] {
          let level = UInt32(permyriad * 100)
          for seed in 1...8 as ClosedRange<UInt64> {
            var numbers = SeededNumbers(seed)
            var host = FakeHost()
            var policy = Policy(in: start, .guest)
            var changes = 0
            for _ in 0..<2400 where policy.follow(host.sample(steal: noise.steal(level, host, &numbers))) { changes += 1 }
            if changes > 1 { bad.append("\(permyriad):\(changes)") }
          }
        }
        print(noise, start, bad.count, bad.prefix(40))
      }
    }
  }
  @Test func exploreHog() {
    for steal in [100_000, 300_000, 500_000, 700_000, 900_000] as [UInt32] {
      var host = FakeHost()
      var samples: [PolicySample] = []
      for _ in 0..<5 { samples += host.samples(120, steal: 0) + host.samples(120, steal: steal) }
      let run = Simulation(samples, startingIn: .native, .guest)
      print(steal, run.ratio ?? 0, run.changes.map { $0.seconds.truncatingRemainder(dividingBy: 30) }, run.lostByStaying)
    }
  }
}
