import Foundation
import Synchronization

/// A run under way: what it has recorded so far, how long it has lasted, and whether it is to end.
///
/// Separate threads carry it out, because they sleep and a switch may take long; the thread that started
/// the run watches.
public final class Run<Record: Sendable>: Sendable {
  // The standard library's mutex: the watcher must not depend on the locks that it watches.
  private let state: Synchronization.Mutex<Record>
  private let interrupted = Atomic<Bool>(false)
  private let interruption = DispatchSemaphore(value: 0)
  private let threadsLeft = Atomic<Int>(0)
  private let finish = DispatchSemaphore(value: 0)
  private let begin = ContinuousClock.now

  /// A run that begins now.
  public init(_ record: Record) { state = Synchronization.Mutex(record) }

  /// What has been recorded.
  public var record: Record { state.withLock { $0 } }

  /// Reads or changes the record.
  public func note<Result: Sendable>(
    _ body: (inout Record) -> Result
  ) -> Result { state.withLock { body(&$0) } }

  /// Seconds since it began.
  public var elapsed: Double { (ContinuousClock.now - begin).seconds }

  /// Whether it is to end in order.
  public var isInterrupted: Bool { interrupted.load(ordering: .relaxed) }

  /// Whether its threads have ended.
  public var isFinished: Bool { threadsLeft.load(ordering: .acquiring) == 0 }

  /// Sleeps; true, at once, if the run is interrupted.
  public func wait(_ duration: Duration) -> Bool {
    if isInterrupted { return true }
    guard interruption.wait(timeout: .now() + duration.seconds) == .success else { return false }
    // For the next thread that waits.
    interruption.signal()
    return true
  }

  /// Starts the threads that carry it out, each with its number, and watches until all have ended.
  ///
  /// - Parameters:
  ///   - threads: How many.
  ///   - interval: How often to look, in seconds.
  ///   - display: Where it is shown.
  ///   - begin: Called before the threads start, with signals caught already.
  ///   - look: Shows how far the run is; called last when all threads have ended.
  ///   - body: What each thread does.
  /// - Returns: The signal that ended it early.
  public func conduct(
    threads: Int = 1, every interval: Double, on display: RunDisplay, begin: () -> Void,
    look: () -> Void, _ body: @escaping @Sendable (Int) -> Void
  ) -> CInt? {
    // Releasing with the last thread's end, acquired by `isFinished`: the last look sees all of it.
    threadsLeft.store(threads, ordering: .relaxed)
    return watch(
      display, every: interval, wake: finish, isFinished: { isFinished },
      begin: {
        begin()
        for number in 0..<threads {
          Thread.detachNewThread {
            body(number)
            self.threadsLeft.subtract(1, ordering: .acquiringAndReleasing)
            self.finish.signal()
          }
        }
      },
      interrupt: {
        interrupted.store(true, ordering: .relaxed)
        interruption.signal()
      }, look: look)
  }
}

/// Throughput over time, from counts that are looked at now and then.
public struct RateSampler: Sendable {
  /// What there has been.
  public private(set) var samples: [ThroughputPlot.Sample] = []
  private let interval: Double
  private var last: (seconds: Double, count: Int, clock: Double)?

  /// Samples of `interval` seconds at least.
  public init(interval: Double = 0) { self.interval = interval }

  /// Records how much has been done by now; a count lower than the previous one starts over.
  ///
  /// - Parameters:
  ///   - count: How much.
  ///   - seconds: Since the run began.
  ///   - clock: On the clock of whoever counts, in seconds; the same if nil.
  public mutating func note(_ count: Int, at seconds: Double, clock: Double? = nil) {
    let clock = clock ?? seconds
    guard let last, count >= last.count else {
      self.last = (seconds, count, clock)
      return
    }
    guard seconds - last.seconds >= interval, clock > last.clock else { return }
    samples.append(
      .init(seconds: seconds, perSecond: Double(count - last.count) / (clock - last.clock)))
    self.last = (seconds, count, clock)
  }
}
