import LockPlatform
import SwitchPolicy
import Testing

/// What stands around the rule: operators, failures, hints, samples that cannot be true.
@Suite struct CareTests {
  var host = FakeHost()

  // MARK: Operators

  @Test mutating func aPinnedSetStaysThroughEverything() {
    var policy = Policy(in: .native, .guest)
    policy.pin(.native)
    for index in 0..<2000 {
      host.hint = index % 7 == 0 ? .none : .dedicated
      let decision = policy.decide(host.sample(steal: index % 3 == 0 ? nil : 900_000))
      #expect(decision.change == nil && decision.reason == .pinned)
    }
    policy.giveBack(to: .automatic)
    // Nothing of what was seen meanwhile is held against the set.
    #expect(policy.decide(host.sample(steal: 0)).change == nil)
    #expect(host.samples(4, steal: 500_000).contains { policy.follow($0) })
    #expect(policy.inForce == .paravirtual)
  }

  /// An operator switches while a switch of the policy's is under way and ends after it: the policy
  /// goes back to what the operator chose, once, and stays.
  @Test mutating func theOperatorsWordOutlivesASwitchUnderWay() {
    var policy = Policy(in: .native, .guest)
    #expect(host.drive(&policy, steal: 500_000))
    policy.pin(.native)
    #expect(policy.decide(host.sample(steal: 500_000)).change == nil)
    policy.switched(to: .paravirtual, at: host.time)
    let decision = policy.decide(host.sample(steal: 500_000))
    #expect(decision.change == .native && decision.reason == .pinned)
    #expect(policy.decide(host.sample(steal: 500_000)).reason == .underWay)
    policy.switched(to: .native, at: host.time)
    #expect(host.samples(100, steal: 500_000).allSatisfy { policy.decide($0).change == nil })
  }

  @Test mutating func offDecidesNothingAndHintFollowsOnlyTheHint() {
    var off = Policy(in: .native, .guest, mode: .off)
    #expect(host.samples(100, steal: 900_000).allSatisfy { off.decide($0).reason == .off })
    var hint = Policy(in: .native, .guest, mode: .hint)
    host.hint = .dedicated
    #expect(host.samples(100, steal: 900_000).allSatisfy { hint.decide($0).change == nil })
    host.hint = .none
    #expect(hint.decide(host.sample(steal: 0)).change == .paravirtual)
  }

  // MARK: Failures

  /// One second, two, four, up to five minutes; and from the start again after a success.
  @Test mutating func failedSwitchesBackOff() {
    var policy = Policy(in: .native, .guest)
    var tries: [UInt64] = []
    for _ in 0..<10_000 where tries.count < 12 {
      let sample = host.sample(steal: 500_000)
      let decision = policy.decide(sample)
      guard decision.change != nil else { continue }
      tries.append(sample.time)
      #expect(policy.switchFailed(at: sample.time).reason == .switchFailed)
      #expect(policy.inForce == .native)
    }
    let waits = zip(tries, tries.dropFirst()).map { ($1 - $0) / 1_000_000_000 }
    #expect(waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300])
    #expect(policy.decide(host.sample(steal: 500_000)).reason == .backingOff)
    policy.switched(to: .paravirtual, at: host.time)
    #expect(policy.failures == 0)
    #expect(host.drive(&policy, steal: 0))
    policy.switchFailed(at: host.time)
    let again = host.time
    #expect(host.drive(&policy, steal: 0))
    #expect(host.time - again == 1_000_000_000)
  }

  /// Nobody is asked for a second switch while one is under way, however long that takes.
  @Test mutating func oneSwitchAtATime() {
    var policy = Policy(in: .native, .guest)
    #expect(host.drive(&policy, steal: 500_000))
    #expect(host.samples(1000, steal: 500_000).allSatisfy { policy.decide($0).change == nil })
    #expect(policy.underWay == .paravirtual)
  }

  // MARK: Hints

  /// Dedicated, plain, dedicated, as by migration, while nothing is stolen: both ways at once.
  @Test mutating func aHintThatChangesIsFollowed() {
    var policy = Policy(in: .native, .guest)
    host.hint = .dedicated
    #expect(policy.decide(host.sample(steal: 0)).reason == .best)
    for (hint, set) in [(DedicationHint.none, LockSet.paravirtual), (.dedicated, .native)] {
      host.hint = hint
      // The first sample after a migration cannot be true; the hint in it can.
      var sample = host.sample(steal: 0)
      sample.waited = -5
      let decision = policy.decide(sample)
      #expect(decision.change == set && decision.reason == .hint)
      policy.switched(to: set, at: sample.time)
    }
  }

  /// A host that calls CPUs dedicated and takes them away is not believed.
  @Test mutating func stealOutweighsTheHint() {
    var policy = Policy(in: .native, .guest)
    host.hint = .dedicated
    #expect(host.samples(6, steal: 500_000).contains { policy.follow($0) })
    #expect(policy.inForce == .paravirtual)
  }

  @Test mutating func withoutSignalsThePolicyIsBlindAndFollowsTheHint() {
    var policy = Policy(in: .paravirtual, .guest)
    #expect(policy.decide(host.sample(steal: nil)).reason == .blind)
    host.hint = .dedicated
    let decision = policy.decide(host.sample(steal: nil))
    #expect(decision.change == .native && decision.reason == .blind && decision.losses == nil)
  }

  /// The locks' own observation is enough, there and back.
  @Test mutating func theLocksAloneAreEnough() {
    var policy = Policy(in: .native, .guest)
    func sample(stalled: Int64) -> PolicySample {
      var sample = host.sample(steal: nil)
      sample.stalled = stalled
      return sample
    }
    #expect((0..<6).contains { _ in policy.follow(sample(stalled: 200_000_000)) })
    #expect(policy.inForce == .paravirtual)
    #expect((0..<40).contains { _ in policy.follow(sample(stalled: 0)) })
    #expect(policy.inForce == .native)
  }

  /// A guest that hardly wants to run loses hardly anything, whatever share of that is stolen.
  @Test mutating func anIdleGuestStays() {
    var policy = Policy(in: .native, .guest)
    for _ in 0..<400 {
      var sample = host.sample(steal: 0)
      sample.waited = 200_000
      sample.ran = 200_000
      #expect(policy.decide(sample).change == nil)
    }
  }

  // MARK: Samples that cannot be true

  /// Whatever is wrong with them, they change nothing but the count, and the decision names it.
  @Test mutating func impossibleSamplesChangeNothing() {
    var policy = Policy(in: .native, .guest)
    for sample in host.samples(20, steal: 1000) { _ = policy.decide(sample) }
    let faults: [(PolicyReason, (inout PolicySample) -> Void)] = [
      (.ranBackwards, { $0.waited = -1 }), (.ranBackwards, { $0.ran = .min }),
      (.ranBackwards, { $0.stalled = -1 }),
      (.moreThanTime, { $0.waited = Int64($0.elapsed) * 8 + 1 }),
      (.moreThanTime, { $0.waited = .max }), (.moreThanTime, { $0.ran = .max }),
      (.moreThanTime, { $0.stalled = .max }), (.noTimePassed, { $0.elapsed = 0 }),
      (.gap, { $0.elapsed = .max }), (.impossibleCPUs, { $0.cpus = 0 }),
      (.impossibleCPUs, { $0.cpus = .max }),
    ]
    for round in 1...50 as ClosedRange<UInt64> {
      for (index, (reason, spoil)) in faults.enumerated() {
        let work = policy.work
        var sample = host.sample(steal: 990_000)
        spoil(&sample)
        let decision = policy.decide(sample)
        #expect(decision.reason == reason && decision.change == nil && decision.steal == nil)
        #expect(policy.work == work)
        let counted = (round - 1) * UInt64(faults.count) + UInt64(index) + 1
        #expect(policy.impossibleSamples == counted)
      }
    }
    #expect(policy.inForce == .native)
    // A clock that went back counts once, and is then believed.
    var earlier = host.sample(steal: 0)
    earlier.time = 5
    #expect(policy.decide(earlier).reason == .noTimePassed)
    earlier.time += earlier.elapsed
    #expect(policy.decide(earlier).reason == .best)
  }

  /// Nothing overflows, at the ends of all ranges.
  @Test mutating func extremesAreHarmless() {
    for settings in [PolicySettings.guest, .program] {
      var settings = settings
      settings.longestSample = .max
      var policy = Policy(in: .native, settings)
      var time: UInt64 = .max - 100
      for _ in 0..<100 {
        time += 1
        let elapsed = PolicySettings.mostSample
        let all = Int64(elapsed) * (1 << 20)
        _ = policy.follow(
          PolicySample(
            time: time, elapsed: elapsed, cpus: 1 << 20, waited: all, ran: all,
            stalled: Int64(elapsed), hint: .none))
      }
      policy.switchFailed(at: .max)
      #expect(policy.impossibleSamples == 0 && policy.inForce == .paravirtual)
    }
  }

  /// CPUs that come and go, with what is left of theirs in the sums, are no fault; the share is of the
  /// CPUs that there are.
  @Test mutating func cpusComeAndGo() {
    var policy = Policy(in: .native, .guest)
    for cpus in [8, 2, 8, 1, 16, 3] as [UInt32] {
      let before = Int64(host.cpus)
      host.cpus = cpus
      var sample = host.sample(steal: 0)
      // All that there were and are ran throughout.
      sample.ran = Int64(host.interval) * max(before, Int64(cpus))
      #expect(policy.decide(sample).reason == .best)
      for sample in host.samples(40, steal: 0) { #expect(policy.decide(sample).change == nil) }
    }
    #expect(policy.impossibleSamples == 0)
    #expect(host.samples(6, steal: 500_000).contains { policy.follow($0) })
  }

  // MARK: The log

  @Test mutating func theLogKeepsTheLastSixtyFour() {
    let memory = UnsafeMutableRawPointer.allocate(
      byteCount: DecisionLog.byteCount, alignment: 16)
    defer { unsafe memory.deallocate() }
    // The log's alone until the end of the test.
    var log = unsafe DecisionLog(in: memory)
    #expect(log.count == 0 && log[0] == nil)
    var policy = Policy(in: .native, .guest)
    for sample in host.samples(1000, steal: 0) { log.add(policy.decide(sample)) }
    #expect(log.count == 1 && log[0]?.count == 1000 && log[0]?.decision.reason == .best)
    #expect(log[0]?.decision.time == host.time && log[1] == nil)
    var last: [UInt64] = []
    for index in 0..<100 {
      policy.pin(index % 2 == 0 ? .paravirtual : .native)
      let decision = policy.decide(host.sample(steal: 100_000))
      log.add(decision)
      log.add(policy.switched(to: decision.change ?? .native, at: host.time))
      last += [host.time, host.time]
    }
    #expect(log.count == 64)
    #expect((0..<64).map { log[$0]?.decision.time } == last.suffix(64))
    #expect(log[62]?.decision.change == .native && log[63]?.decision.reason == .switched)
    #expect(log[62]?.decision.losses == PolicySettings.guest.losses(steal: 100_000, stall: nil))
    #expect(log[64] == nil && log[-1] == nil)
  }

  /// What an operator reads: the time, what was seen, what each set would have lost, what was done.
  @Test mutating func theLogReadsAsText() {
    let memory = UnsafeMutableRawPointer.allocate(
      byteCount: DecisionLog.byteCount, alignment: 16)
    defer { unsafe memory.deallocate() }
    // The log's alone until the end of the test.
    var log = unsafe DecisionLog(in: memory)
    var policy = Policy(in: .native, .guest)
    host.hint = .none
    for sample in host.samples(6, steal: 20_000) { log.add(policy.decide(sample)) }
    log.add(policy.switched(to: .paravirtual, at: host.time))
    var lines = ""
    for index in 0..<log.count {
      log[index]?.write { lines.unicodeScalars.append(Unicode.Scalar($0)) }
    }
    let seen =
      "steal 2.0 %; native loses 30.1 %; paravirtual loses 6.1 %; test-and-set loses 2.3 %;"
    #expect(
      lines == """
        1.500 native, best: \(seen) hint none; 2 times since 1.250
        2.000 native, not-worth-it: \(seen) hint none; 2 times since 1.750
        2.250 native to paravirtual, losing: \(seen) hint none
        2.500 native, under-way: \(seen) hint none
        2.500 paravirtual, switched: hint none

        """)
  }
}
