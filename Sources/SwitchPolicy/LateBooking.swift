/// Waiting is booked when it ends, so that a sample may hold what belongs to those before it.
///
/// Of what a sample says, as much is believed as there was time that nothing has been booked for yet.
/// What is more than that stays as it is: the policy finds it impossible.
public struct LateBooking: Sendable {
  private var unbooked: Int64 = 0
  private let longest: Int64

  /// Waits of up to so many nanoseconds are expected, at most 10 seconds.
  public init(longest: UInt64) {
    self.longest = Int64(min(longest, PolicySettings.mostSample))
  }

  /// What is to be believed of a sample, whose other signals are not looked at.
  public mutating func book(_ sample: PolicySample) -> PolicySample {
    var sample = sample
    guard sample.elapsed <= PolicySettings.mostSample, sample.cpus <= Evidence.mostCPUs,
      let waited = sample.waited, waited >= 0
    else {
      unbooked = 0
      return sample
    }
    let time = Int64(sample.elapsed) * Int64(sample.cpus)
    let room = unbooked + time
    // Both are below 2^54 where they are believed at all.
    let ran = min(max(sample.ran ?? 0, 0), time)
    if waited <= room {
      sample.waited = min(waited, time)
      unbooked = min(max(room - waited - ran, 0), longest * Int64(sample.cpus))
    } else {
      unbooked = 0
    }
    return sample
  }
}
