import Glibc
import Synchronization

/// Windows of time, one after the other, for each of which every thread keeps the longest gap in its own
/// progress.
///
/// The measuring thread opens and closes them; the others only look.
package final class GapWindows: Sendable {
  // Every thread reads the word at each step: padding on both sides keeps its line its own.
  private let before = InlineArray<16, UInt64>(repeating: 0)
  /// 2n before window n is open, 2n + 1 while it is.
  private let word = Atomic<Int>(0)
  private let after = InlineArray<16, UInt64>(repeating: 0)

  /// No window has been open yet.
  package init() {}

  @inline(__always)
  fileprivate var state: Int { word.load(ordering: .acquiring) }

  /// Calls the body in a new window; returns the window's number and length, too.
  package func measure<Result>(
    _ body: () -> Result
  ) -> (result: Result, window: GapWindow) {
    let number = word.load(ordering: .relaxed) / 2
    word.store(2 * number + 1, ordering: .sequentiallyConsistent)
    let began = GapProbe.now
    let result = body()
    let ended = GapProbe.now
    word.store(2 * number + 2, ordering: .sequentiallyConsistent)
    return (result, GapWindow(number: number, began: began, nanoseconds: ended - began))
  }
}

/// One window.
package struct GapWindow: Sendable {
  let number: Int
  /// By the probe's clock.
  package let began: UInt64
  let nanoseconds: UInt64
}

/// What one thread's probe has recorded.
package struct Gaps: Sendable {
  struct Entry: Sendable {
    /// When the gap ended in which the window began.
    let firstEnd: UInt64
    /// The longest of those that began later, in nanoseconds.
    var longest: UInt64 = 0
  }

  /// By the number of the window.
  fileprivate var entries: [Entry] = []

  /// The record of a thread that has not reached any window.
  package init() {}

  /// The longest time that the thread made no progress, from the beginning of a window on, in
  /// nanoseconds; nil if it did not run yet.
  package func longest(in window: GapWindow) -> UInt64? {
    guard window.number < entries.count else { return nil }
    let entry = entries[window.number]
    return max(entry.longest, entry.firstEnd > window.began ? entry.firstEnd - window.began : 0)
  }
}

/// Watches the progress of the thread that it belongs to: timestamps each step and keeps, for each window,
/// the longest time between two.
///
/// A gap belongs to every window that it overlaps, even to one that began and ended while the thread was
/// descheduled. It counts with its whole length from the beginning of the window on, also beyond the
/// window's end; the part before the window does not count, because the window cannot have caused it.
package struct GapProbe {
  private let windows: GapWindows
  private var last: UInt64
  private var state: Int
  package private(set) var gaps = Gaps()

  package init(_ windows: GapWindows) {
    self.windows = windows
    gaps.entries.reserveCapacity(1 << 14)
    state = windows.state
    last = GapProbe.now
  }

  /// The thread has made a step.
  @inline(__always)
  package mutating func step() {
    let now = GapProbe.now
    let current = windows.state
    // Nothing to keep between two windows.
    if current != state || current % 2 == 1 { note(now, upTo: current) }
    last = now
    state = current
  }

  @inline(never)
  private mutating func note(_ now: UInt64, upTo current: Int) {
    for window in state / 2..<(current + 1) / 2 {
      if window < gaps.entries.count {
        gaps.entries[window].longest = max(gaps.entries[window].longest, now - last)
      } else {
        // Also for windows before the thread began, whose value is never read.
        while gaps.entries.count <= window { gaps.entries.append(.init(firstEnd: now)) }
      }
    }
  }

  /// CLOCK_MONOTONIC in nanoseconds.
  package static var now: UInt64 {
    var time = timespec()
    // SAFETY: a local that outlives the call.
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}
