public import Tidelock

/// A value behind a lock, with reference semantics.
///
/// Interface and use are those of `NIOConcurrencyHelpers.NIOLockedValueBox`.
///
///     let sessions = NIOLockedValueBox<[String: Int]>([:])
///     sessions.withLockedValue { $0["tide", default: 0] += 1 }
///
/// Use `Tidelock.Mutex` where the compiler can prove that what goes in and out may cross threads; this box
/// trusts you, as NIO's does.
@safe @frozen public struct NIOLockedValueBox<Value> {
  @usableFromInline let storage: LockedStorage<Value>

  /// A box with a value.
  @inlinable
  public init(_ value: Value) { storage = LockedStorage(value) }

  /// Takes the lock, calls the closure with the value, and releases the lock, also when the closure throws.
  @inlinable @inline(__always)
  public func withLockedValue<T>(_ mutate: (inout Value) throws -> T) rethrows -> T {
    // Paired.
    unsafe storage.lock.lock()
    defer { unsafe storage.lock.unlock() }
    // The value is ours until the unlock.
    let value = unsafe storage.value.pointer
    return try unsafe mutate(&value.pointee)
  }

  /// The lock and the value one by one.
  public var unsafe: Unsafe { Unsafe(storage: storage) }

  /// The lock and the value of a box, for what no closure can enclose.
  @safe @frozen public struct Unsafe {
    @usableFromInline let storage: LockedStorage<Value>

    /// Takes the lock; waits while it is taken.
    @inlinable @inline(__always)
    public func lock() { unsafe storage.lock.lock() }

    /// Releases the lock, which this thread must hold.
    @inlinable @inline(__always)
    public func unlock() { unsafe storage.lock.unlock() }

    /// Calls the closure with the value of a box whose lock this thread holds.
    @inlinable @inline(__always)
    public func withValueAssumingLockIsAcquired<Result>(
      _ mutate: (_ value: inout Value) throws -> Result
    ) rethrows -> Result {
      // The caller holds the lock.
      let value = unsafe storage.value.pointer
      return try unsafe mutate(&value.pointee)
    }
  }
}

extension NIOLockedValueBox: Sendable where Value: Sendable {}
extension NIOLockedValueBox.Unsafe: Sendable where Value: Sendable {}
