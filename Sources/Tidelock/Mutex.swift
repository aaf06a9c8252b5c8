import Builtin

/// A value that one thread at a time can reach.
///
/// Interface and use are those of `Synchronization.Mutex`; changing the import is the whole
/// migration. What differs is what waiting costs, and that it can be changed while the program
/// runs (`LockOperations.switch(to:)`).
///
///     let counter = Mutex(0)
///     counter.withLock { $0 += 1 }
///
/// - Memory ordering: entering `withLock` acquires, leaving it releases.
/// - Progress and calling context: those of `Spinlock`. Keep sections short, and do not wait for
///   anything inside one: with the native set, others spin meanwhile.
/// - Not recursive: taking it again inside `withLock`, on the same thread, is an error in the program. A
///   debug build ends with a message; a release build, which keeps no account of owners, waits for ever.
///   `withLockIfAvailable` returns nil there.
@_staticExclusiveOnly
@safe @frozen public struct Mutex<Value: ~Copyable>: ~Copyable {
  @usableFromInline let lock: Spinlock
  // A byte that has values to spare. Unoptimized, the compiler (6.3) crashes where an optional or
  // an enumeration must ask a generic raw layout for some.
  @usableFromInline let niche = true
  @usableFromInline let storage: MutexStorage<Value>

  /// A mutex around a value.
  @inlinable @inline(__always)
  public init(_ initialValue: consuming sending Value) {
    unsafe lock = Spinlock()
    storage = MutexStorage(initialValue)
  }
}

/// ``Mutex`` by a name that no other module has, for files that import `Synchronization` as well.
///
/// There `import struct Tidelock.Mutex`, beside both imports, makes `Mutex` this one.
public typealias SwitchableMutex<Value: ~Copyable> = Mutex<Value>

// Safe to share: `withLock` lets one thread at a time reach the value, and what goes in and comes
// out is `sending`.
extension Mutex: @unchecked Sendable where Value: ~Copyable {}

extension Mutex where Value: ~Copyable {
  /// Waits for the lock, calls the closure with the value, and releases the lock, also when the
  /// closure throws.
  @inlinable @inline(__always)
  public borrowing func withLock<Result: ~Copyable, E: Error>(
    _ body: (inout sending Value) throws(E) -> sending Result
  ) throws(E) -> sending Result {
    // Paired: this is the only function that locks without trying.
    unsafe lock.lock()
    defer { unsafe lock.unlock() }
    // The value is ours until the unlock. By way of a variable: ThreadSanitizer would call the
    // access one to the whole mutex, the lock's word included.
    let value = unsafe storage.pointer
    return try unsafe body(&value.pointee)
  }

  /// Calls the closure with the value if nobody has the lock; nil, at once, if somebody does.
  @inlinable @inline(__always)
  public borrowing func withLockIfAvailable<Result: ~Copyable, E: Error>(
    _ body: (inout sending Value) throws(E) -> sending Result
  ) throws(E) -> sending Result? {
    guard unsafe lock.tryLock() else { return nil }
    // Paired with the try that succeeded.
    defer { unsafe lock.unlock() }
    let value = unsafe storage.pointer
    return try unsafe body(&value.pointee)
  }
}

extension Mutex where Value == Void {
  /// Waits for the lock.
  ///
  /// For what a closure cannot enclose; the names are those of `Synchronization.Mutex`.
  ///
  /// Contract: the same thread calls `_unsafeUnlock` once, later.
  @unsafe @inlinable @inline(__always)
  public borrowing func _unsafeLock() { unsafe lock.lock() }

  /// Takes the lock if nobody has it; whether it did.
  ///
  /// Contract: as for `_unsafeLock`, if it did.
  @unsafe @inlinable @inline(__always)
  public borrowing func _unsafeTryLock() -> Bool { unsafe lock.tryLock() }

  /// Releases the lock.
  ///
  /// Contract: this thread holds it.
  @unsafe @inlinable @inline(__always)
  public borrowing func _unsafeUnlock() { unsafe lock.unlock() }
}

/// Room for a value that is reached through a borrowed owner.
@_rawLayout(like: Value, movesAsLike)
@safe @frozen @usableFromInline
package struct MutexStorage<Value: ~Copyable>: ~Copyable {
  @inlinable @inline(__always)
  package init(_ value: consuming Value) {
    unsafe pointer.initialize(to: value)
  }

  /// The value's place.
  ///
  /// Contract: used only by the thread that holds the lock, or by the only owner of the mutex.
  @usableFromInline
  package var pointer: UnsafeMutablePointer<Value> {
    @inlinable @inline(__always)
    get { unsafe UnsafeMutablePointer(Builtin.addressOfRawLayout(self)) }
  }

  @inlinable
  deinit {
    // Nobody else has the mutex any more.
    unsafe pointer.deinitialize(count: 1)
  }
}
