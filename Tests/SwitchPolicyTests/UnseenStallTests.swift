import LockPlatform
import SwitchPolicy
import Testing

/// A program whose native locks stand still while no other signal shows why.
@Suite struct UnseenStallTests {
  private var host = FakeHost()
  private var policy = Policy(in: .native, .program)
  private var stalls = UnseenStalls(.program)
  private var sets: [(set: LockSet, time: UInt64)] = []

  init() { host.interval = PolicySettings.program.interval }

  /// So many seconds, in which native locks stand still for so many parts per million of the time.
  private mutating func run(seconds: Int, stall: Int64, steal: UInt32 = 0) {
    for _ in 0..<seconds * 40 {
      var sample = host.sample(steal: steal)
      if policy.inForce == .native { sample.stalled = Int64(sample.elapsed) * stall / 1_000_000 }
      let decision = policy.decide(stalls.complete(sample, in: policy.inForce))
      stalls.note(decision)
      if let set = decision.change {
        policy.switched(to: set, at: sample.time)
        sets.append((set, sample.time))
      }
    }
  }

  /// Native is tried more and more rarely, and every trial is short.
  @Test mutating func trialsBecomeRare() {
    run(seconds: 600, stall: 300_000)
    let away = zip(sets, sets.dropFirst()).filter { $0.0.set == .paravirtual }
      .map { $1.time - $0.time }
    let trials = zip(sets, sets.dropFirst()).filter { $0.0.set == .native }
      .map { $1.time - $0.time }
    #expect(away.count >= 5 && sets.count <= 20)
    // One second, two, four; the rule's own way back comes on top.
    for (index, time) in away.prefix(8).enumerated() { #expect(time >= 1_000_000_000 << index) }
    #expect(trials.allSatisfy { $0 <= 500_000_000 })
  }

  /// Once native lasts, the next stall is held against it for no longer than the first.
  @Test mutating func goodTimesAreTrusted() {
    run(seconds: 60, stall: 300_000)
    run(seconds: 300, stall: 0)
    #expect(policy.inForce == .native)
    sets = []
    run(seconds: 1, stall: 300_000)
    run(seconds: 9, stall: 0)
    #expect(sets.map(\.set) == [.paravirtual, .native])
  }

  /// What was seen last holds on; where steal says as much, nothing does.
  @Test(arguments: [(0, 7_500_000), (500_000, nil)] as [(UInt32, Int64?)])
  mutating func onlyWhatNothingExplainsHoldsOn(steal: UInt32, believed: Int64?) {
    run(seconds: 1, stall: 300_000, steal: steal)
    #expect(policy.inForce == .paravirtual)
    #expect(stalls.complete(host.sample(steal: steal), in: .paravirtual).stalled == believed)
  }

  /// What cannot be true stays so, and nothing overflows.
  @Test func impossibleSamplesStayImpossible() {
    var stalls = UnseenStalls(.program)
    let sample = PolicySample(time: .max, elapsed: .max, cpus: 1)
    #expect(stalls.complete(sample, in: .paravirtual) == sample)
    #expect(stalls.complete(sample, in: .native) == sample)
  }
}
