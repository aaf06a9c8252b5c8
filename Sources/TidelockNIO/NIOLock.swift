public import Tidelock

/// A lock that is taken and released by calls, for what no closure can enclose.
///
/// Interface and use are those of `NIOConcurrencyHelpers.NIOLock`: where a file imports that module for its
/// locks alone, changing the import to `TidelockNIO` is the whole migration. The module needs nothing of
/// SwiftNIO. It has reference semantics, too: copies are the same lock.
///
///     let lock = NIOLock()
///     lock.lock()
///     defer { lock.unlock() }
///
/// Ordering, progress, calling context and recursion are those of `Tidelock.Spinlock`.
@safe @frozen public struct NIOLock: Sendable {
  @usableFromInline let storage = LockedStorage(())

  /// A free lock.
  @inlinable public init() {}

  /// Takes the lock; waits while it is taken.
  @inlinable @inline(__always)
  public func lock() { unsafe storage.lock.lock() }

  /// Releases the lock, which this thread must hold.
  @inlinable @inline(__always)
  public func unlock() { unsafe storage.lock.unlock() }

  /// Takes the lock, calls the closure and releases the lock, also when the closure throws.
  @inlinable @inline(__always)
  public func withLock<T>(_ body: () throws -> T) rethrows -> T {
    lock()
    defer { unlock() }
    return try body()
  }

  /// As `withLock`, for closures that return nothing.
  @inlinable @inline(__always)
  public func withLockVoid(_ body: () throws -> Void) rethrows { try withLock(body) }
}

/// A lock and what it guards, in an object of their own.
@safe @usableFromInline
final class LockedStorage<Value> {
  // Contract: paired by whoever calls the types of this module.
  @usableFromInline let lock: Spinlock
  @usableFromInline let value: MutexStorage<Value>

  // Not inlined: only this module knows the layout of its class where libraries evolve.
  @usableFromInline
  init(_ value: consuming Value) {
    unsafe lock = Spinlock()
    self.value = MutexStorage(value)
  }
}

// Safe to share: the value is reached by the thread that holds the lock. That what goes in and out may
// cross threads is what `NIOLockedValueBox` asks of it.
extension LockedStorage: @unchecked Sendable {}
