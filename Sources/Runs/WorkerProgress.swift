import Synchronization

/// How far one worker is, for others to read while it runs, and the request to stop.
///
/// Neither takes a lock: a thread that watches sixteen spinning ones must not wait for them.
/// Relaxed loads and stores suffice, since nothing is concluded from one value about another.
public final class WorkerProgress: Sendable {
  // The worker writes its count at each word: padding on both sides keeps that line its own.
  private let before = InlineArray<16, UInt64>(repeating: 0)
  @usableFromInline let count = Atomic<Int>(0)
  @usableFromInline let stop = Atomic<Bool>(false)
  private let after = InlineArray<16, UInt64>(repeating: 0)

  /// A worker that has done nothing yet.
  public init() {}

  /// How many operations the worker has done; any thread may ask.
  public var operations: Int { count.load(ordering: .relaxed) }

  /// Asks the worker to stop after the operation it is at.
  public func requestStop() { stop.store(true, ordering: .relaxed) }

  /// Whether the worker is to stop; for the worker.
  @inlinable @inline(__always)
  package var mustStop: Bool { stop.load(ordering: .relaxed) }

  /// Says how many; for the worker.
  @inlinable @inline(__always)
  package func publish(_ operations: Int) { count.store(operations, ordering: .relaxed) }
}
