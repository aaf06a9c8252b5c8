import LockPlatform

/// What is believed of the locks' own observation while nobody makes it.
///
/// Only native waiters see that locks stand still. Where nothing else shows why, a policy that has left
/// native for it would come back as soon as the rule allows, and leave again, for ever. So what was seen
/// last holds on while another set is in force: for as long as after a switch that failed, and twice as
/// long each time that native ends the same way before it has lasted as long.
///
/// Where another signal says as much, as it does nearly always, that is believed, and nothing holds on.
public struct UnseenStalls: Sendable {
  private let settings: PolicySettings
  /// The share of the time that native locks stood still when they were left, in parts per million.
  private var share: UInt64 = 0
  private var until: UInt64 = 0
  private var hold: UInt64
  private var nativeSince: UInt64?

  /// Nothing has been seen yet.
  public init(_ settings: PolicySettings) {
    self.settings = settings
    hold = settings.firstRetry
  }

  /// A sample, with what is believed where another set than native is in force.
  public mutating func complete(_ sample: PolicySample, in set: LockSet) -> PolicySample {
    guard set != .native else {
      nativeSince = nativeSince ?? sample.time
      return sample
    }
    nativeSince = nil
    guard sample.time < until, sample.elapsed <= PolicySettings.mostSample else { return sample }
    var sample = sample
    // At most 10^10 times 10^6.
    sample.stalled = Int64(sample.elapsed * share / Evidence.whole)
    return sample
  }

  /// A decision was taken on a sample.
  public mutating func note(_ decision: Decision) {
    guard decision.inForce == .native, decision.reason == .losing, let next = decision.change,
      let losses = decision.losses, let stall = decision.stall
    else { return }
    let expected = settings.estimates.losses(atSteal: decision.steal ?? 0).native
    // The table would have had it so.
    guard expected <= losses[next] else { return }
    let lasted = decision.time &- (nativeSince ?? 0)
    let (twice, tooLong) = hold.multipliedReportingOverflow(by: 2)
    if until == 0 || lasted > hold {
      hold = settings.firstRetry
    } else {
      hold = tooLong ? settings.lastRetry : min(twice, settings.lastRetry)
    }
    share = UInt64(stall)
    let (end, never) = decision.time.addingReportingOverflow(hold)
    until = never ? .max : end
  }
}
