import SwitchPolicy
import Testing

/// Waiting that is booked when it ends.
@Suite struct LateBookingTests {
  private let second: Int64 = 1_000_000_000

  private func sample(_ waited: Int64?, ran: Int64? = 0) -> PolicySample {
    PolicySample(
      time: 10_000_000_000, elapsed: 250_000_000, cpus: 2, waited: waited, ran: ran)
  }

  /// Two CPUs that stood still for three samples, and say so at the end of the third.
  @Test func whatCameLateIsBelieved() {
    var late = LateBooking(longest: 2_000_000_000)
    #expect(late.book(sample(0)).waited == 0)
    #expect(late.book(sample(0)).waited == 0)
    let booked = late.book(sample(3 * second / 2))
    #expect(booked.waited == second / 2)
    var policy = Policy(in: .native, .guest)
    #expect(policy.decide(booked).steal == 1_000_000 && policy.impossibleSamples == 0)
  }

  /// More than there was time is not, however often it is said.
  @Test(arguments: [0, 1, 7])
  func whatCannotBeStaysImpossible(idle: Int) {
    var late = LateBooking(longest: 2_000_000_000)
    for _ in 0..<idle { #expect(late.book(sample(0)).waited == 0) }
    let impossible = Int64(idle + 1) * second / 2 + 1
    let booked = late.book(sample(impossible))
    #expect(booked.waited == impossible)
    var policy = Policy(in: .native, .guest)
    #expect(policy.decide(booked).reason == .moreThanTime && policy.impossibleSamples == 1)
    // Nothing is left of the time before it.
    #expect(late.book(sample(second / 2 + 1)).waited == second / 2 + 1)
  }

  /// No wait is longer than the longest that is expected.
  @Test func theLongestWaitHasAnEnd() {
    var late = LateBooking(longest: 500_000_000)
    for _ in 0..<100 { _ = late.book(sample(0)) }
    let most = second + second / 2
    var other = late
    #expect(late.book(sample(most)).waited == second / 2)
    #expect(other.book(sample(most + 1)).waited == most + 1)
  }

  /// Time that CPUs ran was not waited.
  @Test func whoRanDidNotWait() {
    var late = LateBooking(longest: 2_000_000_000)
    for _ in 0..<3 { _ = late.book(sample(0, ran: second / 2)) }
    #expect(late.book(sample(second / 2 + 1)).waited == second / 2 + 1)
  }

  @Test func whatIsNotOfferedOrRunsBackwardsStaysSo() {
    var late = LateBooking(longest: 2_000_000_000)
    #expect(late.book(sample(nil)).waited == nil)
    #expect(late.book(sample(-5)).waited == -5)
    var huge = sample(Int64.max)
    huge.elapsed = .max
    huge.cpus = .max
    #expect(late.book(huge) == huge)
    #expect(late.book(sample(.max)).waited == .max)
  }
}
