/// What the hypervisor says about the CPUs: KVM_HINTS_REALTIME and its like.
@frozen public enum DedicationHint: UInt8, Sendable {
  /// Nobody says anything.
  case unknown = 0
  /// CPUs may be taken away at any time.
  case none = 1
  /// CPUs are dedicated.
  case dedicated = 2
}

/// What a platform saw between two moments.
///
/// Counters are differences, and signed: a counter that ran backwards gives a negative one, which
/// the policy recognises. A signal that a platform does not have is nil; each alone is enough.
@frozen public struct PolicySample: Equatable, Sendable {
  /// The end of the sample on a clock that never goes back, in nanoseconds.
  public var time: UInt64
  /// How long it took, in nanoseconds.
  public var elapsed: UInt64
  /// How many CPUs could have waited.
  ///
  /// In a program: how many threads.
  public var cpus: UInt32
  /// Time that CPUs wanted to run and did not, summed over all: steal time in a guest, run delay in
  /// a program; in nanoseconds.
  ///
  /// Nil where it is not offered.
  public var waited: Int64?
  /// Time that CPUs ran, summed over all, in nanoseconds.
  ///
  /// With it, a share of waiting is a share of what was wanted, and an idle system counts as idle.
  /// Nil if unknown: all of the rest was wanted.
  public var ran: Int64?
  /// For how much of the sample some lock stood still although its holder should have run, as the
  /// locks saw it themselves; in nanoseconds.
  ///
  /// Nil where locks do not look.
  public var stalled: Int64?
  /// What the hypervisor says at the end of the sample.
  public var hint: DedicationHint

  /// A sample; a signal that is not named is not offered.
  public init(
    time: UInt64, elapsed: UInt64, cpus: UInt32, waited: Int64? = nil, ran: Int64? = nil,
    stalled: Int64? = nil, hint: DedicationHint = .unknown
  ) {
    self.time = time
    self.elapsed = elapsed
    self.cpus = cpus
    self.waited = waited
    self.ran = ran
    self.stalled = stalled
    self.hint = hint
  }
}

/// Why a sample cannot be true.
///
/// It changes nothing and is counted.
@frozen public enum SampleFault: UInt8, Sendable {
  /// No time passed, or the clock went back.
  case noTimePassed = 0
  /// So much time passed that the system must have been stopped: suspended, or saved and resumed.
  case gap = 1
  /// A counter ran backwards, as after migration.
  case ranBackwards = 2
  /// CPUs waited or ran for longer than there was time.
  case moreThanTime = 3
  /// No CPU, or more than any machine has.
  case impossibleCPUs = 4
}

/// What a sample comes to, in the policy's units.
struct Evidence {
  /// The most CPUs of a sample; with ``PolicySettings/mostSample``, no product below overflows.
  static let mostCPUs: UInt32 = 1 << 20
  /// All of something, in parts per million.
  static let whole: UInt64 = 1_000_000

  /// The share of what was wanted that was not had, in parts per million.
  var steal: UInt32?
  /// The share of the time that some lock stood still, in parts per million.
  var stall: UInt32?
  /// The time that the sample stands for, in nanoseconds.
  ///
  /// As long as at least one CPU's worth of work was wanted, all of it; what an idle system loses
  /// is little.
  var weight: Int64

  /// Whether there is anything to go by.
  var isBlind: Bool { steal == nil && stall == nil }

  /// Contract: the sample has no fault.
  init(_ sample: PolicySample) {
    // Microseconds: at most 10^7 a sample, times 2^20 CPUs, times 10^6 fits in 64 bits.
    let elapsed = sample.elapsed / 1000
    let waited = sample.waited.map { UInt64($0) / 1000 }
    let ran = sample.ran.map { UInt64($0) / 1000 }
    let wanted = ran.map { $0 + (waited ?? 0) }
    steal = waited.map { waited in
      let all = max(wanted ?? elapsed * UInt64(sample.cpus), 1)
      return UInt32(min(waited, all) * Evidence.whole / all)
    }
    stall = sample.stalled.map { UInt32(UInt64($0) / 1000 * Evidence.whole / elapsed) }
    weight = Int64(min(elapsed, wanted ?? elapsed)) * 1000
  }

  /// What is lost of the sample's work, in nanoseconds, at rates in parts per million: at most 10^10
  /// times 10^6.
  func losses(at rates: PerSet<UInt32>) -> PerSet<Int64> {
    func loss(_ rate: UInt32) -> Int64 { weight * Int64(rate) / Int64(Evidence.whole) }
    return PerSet(
      native: loss(rates.native), paravirtual: loss(rates.paravirtual),
      testAndSet: loss(rates.testAndSet))
  }
}

extension PolicySample {
  /// What each set lost in the sample, in nanoseconds of work; nil if there is nothing to go by.
  ///
  /// Contract: the policy did not find the sample impossible.
  public func losses(_ settings: PolicySettings) -> PerSet<Int64>? {
    let evidence = Evidence(self)
    guard !evidence.isBlind else { return nil }
    return evidence.losses(at: settings.losses(steal: evidence.steal, stall: evidence.stall))
  }

  /// Why the sample cannot be true; nil if it can.
  ///
  /// `before` is the sample before it, whose CPUs count too: of a CPU that came or went, a part may
  /// be in the sums.
  func fault(after before: PolicySample?, longest: UInt64) -> SampleFault? {
    // A microsecond is the policy's unit.
    if elapsed < 1000 { return .noTimePassed }
    if let before, time <= before.time { return .noTimePassed }
    if elapsed > longest { return .gap }
    if cpus == 0 || cpus > Evidence.mostCPUs { return .impossibleCPUs }
    if (waited ?? 0) < 0 || (ran ?? 0) < 0 || (stalled ?? 0) < 0 { return .ranBackwards }
    // At most 10^10 times 2^20.
    let most = elapsed * UInt64(max(cpus, before?.cpus ?? 0))
    if UInt64(waited ?? 0) > most || UInt64(ran ?? 0) > most { return .moreThanTime }
    if UInt64(stalled ?? 0) > elapsed { return .moreThanTime }
    return nil
  }
}
