import LockPlatform

/// What a policy is told besides samples.
///
/// Times and prices are in nanoseconds.
public struct PolicySettings: Sendable {
  /// What each set loses.
  public var estimates: LossEstimates
  /// The work lost by going to a set.
  public var prices: PerSet<Int64>
  /// The sets to choose from.
  public var candidates: LockSets
  /// The least time between two changes.
  ///
  /// It costs nothing of what the rule promises as long as it is no longer than the prices of going
  /// there and back: nothing loses work faster than time passes.
  public var leastStay: UInt64
  /// For how long the worst of what was seen speaks against a set, at most; three quarters of it at
  /// least.
  ///
  /// At 0, never.
  public var memory: UInt64
  /// How long after a switch that failed the next is tried; twice as long after each further one.
  public var firstRetry: UInt64
  /// The longest wait before a switch is tried again.
  public var lastRetry: UInt64
  /// How often a platform is to sample while there is work.
  ///
  /// What one sample loses should be little against the prices: see ``WorkFunction``.
  public var interval: UInt64
  /// The longest sample that is believed; at most ``mostSample``.
  public var longestSample: UInt64

  /// The most of ``longestSample``.
  public static let mostSample: UInt64 = 10_000_000_000

  /// Settings of your own.
  public init(
    estimates: LossEstimates, prices: PerSet<Int64>, candidates: LockSets = .queued,
    leastStay: UInt64, interval: UInt64, memory: UInt64 = 8_000_000_000,
    firstRetry: UInt64 = 1_000_000_000,
    lastRetry: UInt64 = 300_000_000_000, longestSample: UInt64 = 5_000_000_000
  ) {
    self.estimates = estimates
    self.prices = prices
    self.candidates = candidates
    self.leastStay = leastStay
    self.interval = interval
    self.memory = memory
    self.firstRetry = firstRetry
    self.lastRetry = lastRetry
    self.longestSample = longestSample
  }

  /// A guest that looks four times a second.
  ///
  /// The price: a switch took 110 to 370 ms with 4 vCPUs on 2 CPUs, and half of the work or more
  /// goes on meanwhile, at the gate.
  public static let guest = PolicySettings(
    estimates: .guest,
    prices: PerSet(native: 150_000_000, paravirtual: 150_000_000, testAndSet: 150_000_000),
    leastStay: 300_000_000, interval: 250_000_000)

  /// A program that looks forty times a second while it works.
  ///
  /// A switch takes a tenth of a millisecond, 14 ms in one of a hundred; the price is rather what a
  /// sample can be wrong by.
  public static let program = PolicySettings(
    estimates: .program,
    prices: PerSet(native: 30_000_000, paravirtual: 30_000_000, testAndSet: 30_000_000),
    leastStay: 60_000_000, interval: 25_000_000, memory: 1_600_000_000)
}
