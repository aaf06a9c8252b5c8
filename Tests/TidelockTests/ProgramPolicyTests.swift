import Foundation
import ProgramSamples
import SwitchPolicy
import Testing
import Tidelock

/// The policy of a program, on a /proc that the test writes and a clock that it moves.
@safe @Suite final class ProgramPolicyTests {
  private let folder = FileManager.default.temporaryDirectory
    .appendingPathComponent("tidelock-policy-\(UUID().uuidString)")
  private let log = UnsafeMutableRawPointer.allocate(
    byteCount: DecisionLog.byteCount, alignment: 16)
  private var time: UInt64 = 1_000_000_000
  private var ran: Int64 = 0
  private var delayed: Int64 = 0
  private var stalled: Int64? = 0

  deinit {
    unsafe log.deallocate()
    try? FileManager.default.removeItem(at: folder)
  }

  private func policy(in set: LockSet) throws -> ProgramPolicy {
    try write(threads: 2)
    // The memory is this log's.
    return ProgramPolicy(
      in: set, leavingOut: 9, unsafe DecisionLog(in: log), at: time, ran: ran,
      stalled: stalled, .init(proc: folder.path, cgroup: folder.path + "/none"))
  }

  private func write(threads: Int) throws {
    for thread in 0..<threads {
      let file = folder.appendingPathComponent("self/task/\(thread + 1)/schedstat")
      try FileManager.default.createDirectory(
        at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      let numbers = "\(ran / Int64(threads)) \(delayed / Int64(threads)) 1\n"
      try Data(numbers.utf8).write(to: file)
    }
    // The thread that looks: what it waits is nobody's loss.
    let own = folder.appendingPathComponent("self/task/9/schedstat")
    try FileManager.default.createDirectory(
      at: own.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data("5 \(time) 1\n".utf8).write(to: own)
  }

  /// One look after a pause, in which the program ran and waited so many per cent of one CPU's time, and
  /// its native locks stood still for so many.
  private func look(
    _ policy: inout ProgramPolicy, in set: LockSet, ran: Int64, delayed: Int64,
    stalled: Int64 = 0, reading: UInt64 = 0
  ) throws -> Decision? {
    let pause = policy.pause
    time += pause
    self.stalled = self.stalled.map { $0 + Int64(pause) * stalled / 100 }
    self.ran += Int64(pause) * ran / 100
    self.delayed += Int64(pause) * delayed / 100
    try write(threads: 2)
    var asked = 0
    return policy.look(in: set, ran: self.ran, stalled: self.stalled) {
      asked += 1
      return asked == 1 ? time : time + reading
    }
  }

  @Test func followsWhatItsThreadsWaitFor() throws {
    var policy = try policy(in: .native)
    for _ in 0..<40 { #expect(try look(&policy, in: .native, ran: 200, delayed: 0) == nil) }
    // From here on half of what was wanted was not had.
    let start = time
    var decision: Decision?
    while decision == nil, time - start < 1_000_000_000 {
      decision = try look(&policy, in: .native, ran: 100, delayed: 100)
    }
    #expect(decision?.change == .paravirtual && decision?.reason == .losing)
    #expect(time - start <= 300_000_000)
    policy.ended(in: .paravirtual, true, at: time)
    let end = time
    decision = nil
    while decision == nil, time - end < 10_000_000_000 {
      decision = try look(&policy, in: .paravirtual, ran: 200, delayed: 0)
    }
    #expect(decision?.change == .native)
    #expect(policy.decisions.map(\.decision.reason).contains(.switched))
  }

  /// What native waiters see is enough where nobody tells that threads waited for CPUs: it shows in the
  /// decision, and what was seen is believed for a while after native was left.
  @Test func followsWhatWaitersSee() throws {
    var policy = try policy(in: .native)
    let start = time
    var decision: Decision?
    while decision == nil, time - start < 1_000_000_000 {
      decision = try look(&policy, in: .native, ran: 200, delayed: 0, stalled: 50)
    }
    #expect(decision?.change == .paravirtual && decision?.reason == .losing)
    #expect(decision?.stall == 500_000 && time - start <= 300_000_000)
    policy.ended(in: .paravirtual, true, at: time)
    #expect(policy.decisions.contains { $0.description.contains("locks stalled 50.0 %;") })
    // Nobody looks any more.
    let end = time
    decision = nil
    while decision == nil, time - end < 10_000_000_000 {
      decision = try look(&policy, in: .paravirtual, ran: 200, delayed: 0)
    }
    #expect(decision?.change == .native && time - end > policy.policy.settings.firstRetry)
    policy.ended(in: .native, true, at: time)
    // Of the sample in which the set changed, nobody knows which part was native.
    _ = try look(&policy, in: .native, ran: 200, delayed: 0, stalled: 50)
    #expect(policy.decisions.last?.decision.stall == nil)
    _ = try look(&policy, in: .native, ran: 200, delayed: 0, stalled: 101)
    #expect(policy.decisions.last?.decision.stall == 1_000_000)
    #expect(policy.policy.impossibleSamples == 0)
  }

  @Test func aCoreThatDoesNotLookIsNamed() throws {
    #expect(try policy(in: .native).missing.allSatisfy { !$0.hasPrefix("the locks'") })
    stalled = nil
    #expect(
      try policy(in: .native).missing.contains { $0.hasPrefix("the locks' own observation:") })
  }

  /// Nothing but two system calls, and a longer pause; the first work that is seen ends that.
  @Test func anIdleProgramIsHardlyLookedAt() throws {
    var policy = try policy(in: .native)
    for _ in 0..<3 { #expect(try look(&policy, in: .native, ran: 0, delayed: 90) == nil) }
    #expect(policy.decisions.isEmpty && policy.pause == ProgramPolicy.idlePause)
    _ = try look(&policy, in: .native, ran: 100, delayed: 0)
    #expect(policy.decisions.count == 1 && policy.pause == policy.policy.settings.interval)
  }

  /// However many threads there are.
  @Test(
    arguments: [
      (1_000, 25_000_000), (1_000_000, 100_000_000), (80_000_000, 500_000_000),
    ] as [(UInt64, UInt64)])
  func readingTakesAHundredthOfTheTime(cost: UInt64, pause: UInt64) throws {
    var policy = try policy(in: .native)
    _ = try look(&policy, in: .native, ran: 100, delayed: 0, reading: cost)
    #expect(policy.pause == pause)
  }

  @Test func whatAnOperatorChoseStays() throws {
    var policy = try policy(in: .native)
    policy.pin(.native, at: time)
    for _ in 0..<100 {
      #expect(try look(&policy, in: .native, ran: 100, delayed: 100, stalled: 50) == nil)
    }
    #expect(policy.policy.pinned == .native)
    policy.giveBack()
    var decision: Decision?
    for _ in 0..<100 where decision == nil {
      decision = try look(&policy, in: .native, ran: 100, delayed: 100)
    }
    #expect(decision?.change == .paravirtual)
    // An operator comes between the decision and the switch.
    policy.pin(.testAndSet, at: time)
    let isWanted = policy.stillWants(.paravirtual)
    #expect(!isWanted)
    #expect(try look(&policy, in: .testAndSet, ran: 100, delayed: 100) == nil)
    #expect(policy.policy.inForce == .testAndSet && policy.policy.underWay == nil)
  }

  /// An operator's switch ends after the policy's and is told first: it is the one that counts.
  @Test func theLastSwitchCounts() throws {
    var policy = try policy(in: .native)
    var decision: Decision?
    for _ in 0..<100 where decision == nil {
      decision = try look(&policy, in: .native, ran: 100, delayed: 100)
    }
    #expect(decision?.change == .paravirtual && policy.stillWants(.paravirtual))
    policy.pin(.native, at: time)
    policy.ended(in: .paravirtual, true, at: time)
    for _ in 0..<100 { #expect(try look(&policy, in: .native, ran: 100, delayed: 100) == nil) }
    #expect(policy.policy.inForce == .native && policy.policy.pinned == .native)
  }

  /// A set that the policy did not ask for is somebody's word, through another image for one.
  @Test func whatOthersSwitchedIsTheirWord() throws {
    var policy = try policy(in: .native)
    #expect(try look(&policy, in: .paravirtual, ran: 200, delayed: 0) == nil)
    #expect(policy.policy.pinned == .paravirtual)
    #expect(policy.decisions.first?.decision.reason == .switchedByOthers)
  }

  /// Each signal that is not to be had is named; what is left is how often CPUs were taken.
  @Test func withoutProc() throws {
    let samples = ProgramSamples(
      of: .this(leavingOut: 0), at: 0, .init(proc: "/nowhere", cgroup: "/nowhere"))
    var found = try #require(samples)
    for signal in ["run delay", "steal", "throttling", "pressure"] {
      #expect(found.missing.contains { $0.hasPrefix(signal) })
    }
    let look = found.look(at: 1_000_000_000)
    let recorded = try #require(look)
    #expect(recorded.sample.waited != nil && recorded.sample.ran != nil)
    #expect(recorded.signals["switches"] != nil && recorded.sample.cpus >= 1)
  }
}
