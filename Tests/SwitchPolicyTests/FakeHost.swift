import LockPlatform
import SwitchPolicy

/// Samples as a host would cause them, on a clock that only the test moves.
struct FakeHost {
  private(set) var time: UInt64 = 1_000_000_000
  var cpus: UInt32 = 8
  var hint = DedicationHint.unknown
  /// Four samples a second.
  var interval: UInt64 = 250_000_000

  /// The next sample, with a share of steal in parts per million; nil: steal is not offered.
  mutating func sample(steal: UInt32?) -> PolicySample {
    time += interval
    let all = Int64(interval) * Int64(cpus)
    let waited = steal.map { all / 1_000_000 * Int64($0) }
    return PolicySample(
      time: time, elapsed: interval, cpus: cpus, waited: waited, ran: waited.map { all - $0 },
      hint: hint)
  }

  /// Samples until the policy asks for a switch; false if it has not after a minute.
  mutating func drive(_ policy: inout Policy, steal: UInt32) -> Bool {
    for _ in 0..<240 where policy.decide(sample(steal: steal)).change != nil { return true }
    return false
  }

  /// Samples one after the other.
  mutating func samples(_ count: Int, steal: UInt32?) -> [PolicySample] {
    (0..<count).map { _ in sample(steal: steal) }
  }
}

/// Numbers that are random and the same in every run (SplitMix64).
struct SeededNumbers: RandomNumberGenerator {
  private var state: UInt64

  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }
}

extension Policy {
  /// Decides and carries out what was decided at once; says whether the set changed.
  mutating func follow(_ sample: PolicySample) -> Bool {
    guard let set = decide(sample).change else { return false }
    switched(to: set, at: sample.time)
    return true
  }
}
