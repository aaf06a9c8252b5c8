import LockPlatform
import ProgramSamples
import SwitchPolicy

/// A policy and what it is fed, without thread and clock.
package struct ProgramPolicy {
  /// What decides.
  package private(set) var policy: Policy
  /// How long to wait for the next look, in nanoseconds.
  package private(set) var pause: UInt64
  /// What is not to be had, and why.
  package private(set) var missing: [String] = []

  private let subject: ProgramSamples.Subject
  private let roots: ProgramReadings.Roots
  private var samples: ProgramSamples?
  private var ran: Int64
  private var time: UInt64
  private var log: DecisionLog
  private var stalls: UnseenStalls
  /// For how long native locks had stood still when the last sample ended.
  private var stalled: Int64?
  /// Whether they were in force then.
  private var wasNative: Bool

  /// An idle program is looked at so often: soon enough to see within a third of a second that load
  /// has come, and for less than a hundredth of a per cent of a CPU.
  package static let idlePause: UInt64 = 100_000_000
  /// Reading takes a hundredth of the time at most, however many threads there are, up to this pause.
  package static let longestPause: UInt64 = 500_000_000

  /// Looks for the first time.
  ///
  /// `ran` is for how long the program has run, and `stalled` for how long native locks have stood still,
  /// as their waiters saw it; nil if nobody looks.
  package init(
    in set: LockSet, leavingOut thread: Int, _ log: DecisionLog, at time: UInt64,
    ran: Int64, stalled: Int64?, _ roots: ProgramReadings.Roots = .init()
  ) {
    policy = Policy(in: set, .program)
    subject = .this(leavingOut: thread)
    self.roots = roots
    self.log = log
    self.ran = ran
    self.time = time
    pause = policy.settings.interval
    samples = ProgramSamples(of: subject, at: time, roots)
    stalls = UnseenStalls(policy.settings)
    self.stalled = stalled
    wasNative = set == .native
    missing = notSeen
  }

  /// What is not to be had, as far as it is known by now.
  private var notSeen: [String] {
    (samples?.missing ?? [])
      + (stalled == nil
        ? ["the locks' own observation: the core of this process is of an earlier version"] : [])
  }

  /// One look: the set to switch to, and on what grounds; nil: none.
  ///
  /// `ran` and `stalled` are as in the beginning, and `set` is what is in force. Another than the policy
  /// knows of is an operator's, and stays.
  package mutating func look(
    in set: LockSet, ran: Int64, stalled: Int64?, clock: () -> UInt64
  ) -> Decision? {
    let now = clock()
    if policy.underWay == nil, set != policy.inForce { pin(set, at: now) }
    let isIdle = ran - self.ran < Int64(clamping: now &- time) / 100
    self.ran = ran
    time = now
    guard !isIdle, let recorded = samples?.look(at: now) else {
      pause = Self.idlePause
      return nil
    }
    pause = min(max(policy.settings.interval, (clock() &- now) &* 100), Self.longestPause)
    var sample = recorded.sample
    if set == .native, wasNative, let stalled, let before = self.stalled {
      // Counted approximately: never more than there was time.
      sample.stalled = min(stalled &- before, Int64(clamping: sample.elapsed))
    }
    self.stalled = stalled
    wasNative = set == .native
    missing = notSeen
    let decision = policy.decide(stalls.complete(sample, in: set))
    stalls.note(decision)
    log.add(decision)
    return decision.change == nil ? nil : decision
  }

  /// What became of the switch.
  package mutating func ended(in set: LockSet, _ succeeded: Bool, at time: UInt64) {
    log.add(succeeded ? policy.switched(to: set, at: time) : policy.switchFailed(at: time))
  }

  /// Whether a switch that was asked for is still wanted; if not, it is not to be made.
  package mutating func stillWants(_ set: LockSet) -> Bool {
    guard policy.pinned ?? set == set else {
      policy.abandon()
      return false
    }
    return true
  }

  /// An operator has put a set in place.
  package mutating func pin(_ set: LockSet, at time: UInt64) {
    if set != policy.inForce { log.add(policy.switched(to: set, at: time)) }
    policy.pin(set)
  }

  /// The policy decides again.
  package mutating func giveBack() { policy.giveBack(to: .automatic) }

  /// The thread that made a switch is gone, as in the child of a fork.
  package mutating func abandon() { policy.abandon() }

  /// The last decisions, the oldest first.
  package var decisions: [DecisionLog.Entry] { (0..<log.count).compactMap { log[$0] } }
}
