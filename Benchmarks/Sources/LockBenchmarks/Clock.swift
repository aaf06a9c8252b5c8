import BenchmarkShims
import Glibc
import Runs

/// The two clocks: the kernel's, and the timestamp counter, which costs less to read.
enum Clock {
  /// The kernel's monotonic clock, in seconds.
  static var seconds: Double {
    var time = timespec()
    // Only written while it runs.
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }

  /// Rate of the timestamp counter, measured once against the other clock.
  static let ticksPerNanosecond: Double = {
    let began = (seconds, bench_timestamp())
    sleep(seconds: 0.05)
    let ended = (seconds, bench_timestamp())
    return Double(ended.1 &- began.1) / (ended.0 - began.0) * 1e-9
  }()

  /// What the calling thread has used of CPUs, in nanoseconds: its own time and the kernel's for it.
  static var threadNanoseconds: UInt64 {
    var time = timespec()
    // Only written while it runs.
    unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }

  static func nanoseconds(_ ticks: UInt64) -> Double {
    Double(ticks) / ticksPerNanosecond
  }

  /// Sleeps; a signal that asks the program to end cuts it short.
  static func sleep(seconds: Double) {
    let end = self.seconds + seconds
    while CaughtSignals.last == nil {
      let left = end - self.seconds
      guard left > 0 else { return }
      let whole = left.rounded(.down)
      var request = timespec(tv_sec: Int(whole), tv_nsec: Int((left - whole) * 1e9))
      // Only read while it runs.
      unsafe nanosleep(&request, nil)
    }
  }
}
