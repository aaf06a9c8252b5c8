import UserSpaceShims

/// A wait that has become long: from then on the waiter sleeps between two looks.
///
/// A thread of a real-time policy keeps its processor for as long as it runs: pauses and `sched_yield`
/// leave nothing to the thread of a lower priority that it waits for, where both share one. The bounds
/// are some milliseconds of the waiter's own time, far more than a wait takes that goes on: other
/// threads come here only where they would burn a time slice for nothing.
enum LongWait {
  /// Pauses after which a wait is long.
  static let pauses: UInt32 = 1 << 18
  /// Calls of `sched_yield` after which it is.
  static let yields: UInt32 = 1 << 14

  /// Pauses after which a wait for threads of a lock-step is, one step after the other.
  static let steps: UInt32 = 1 << 16

  /// Sleeps, each time longer, from 50 microseconds to 1.6 milliseconds, so that the processor is free
  /// most of the time however many wait on it.
  static func sleep(_ times: UInt32) {
    tidelock_sleep(50_000 << UInt64(min(times, 5)))
  }
}
