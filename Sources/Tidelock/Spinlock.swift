import Builtin
import LockSites

/// A spinlock: the bare word under `Mutex`, with calls to lock and unlock that nothing pairs.
///
/// It is unsafe because nothing ties it to what it guards, or an unlock to a lock. Use `Mutex`
/// unless the two cannot be in one scope.
///
///     let lock = Spinlock()
///     unsafe lock.lock()
///     unsafe lock.unlock()
///
/// - Memory ordering: `lock` and a `tryLock` that succeeds acquire; `unlock` releases.
/// - Progress: with the native and the paravirtual set, waiters queue first come, first served, and
///   paravirtual ones may be passed for about a millisecond; any waiter may be passed by each thread
///   once that looked before it came. With test-and-set nobody is promised a turn.
/// - Calling context: any thread; a signal handler only if the code it may interrupt on its thread
///   does not hold the same lock. Up to four contexts can wait at one time on a thread.
/// - Size: four bytes, anywhere in memory, 0 when free.
/// - Source: the lock word and both queues are Linux's `qspinlock`; see `QueuedSpinlocks`.
@_rawLayout(size: 4, alignment: 4)
@unsafe @frozen public struct Spinlock: ~Copyable, @unchecked Sendable {
  /// A free lock.
  @inlinable @inline(__always)
  public init() {
    // The storage is ours and nobody else knows it yet.
    unsafe UnsafeMutablePointer<UInt32>(Builtin.addressOfRawLayout(self)).initialize(to: 0)
  }

  // Nothing to do. Without it the compiler (6.3) takes every type that holds only raw layouts for
  // one that needs no destruction, and a mutex's value would never end.
  @inlinable @inline(__always)
  deinit {}

  /// Takes the lock; waits while it is taken.
  ///
  /// Taking it again on the same thread is an error in the program: a debug build ends with a message,
  /// a release build waits for ever.
  @unsafe @inlinable @inline(__always)
  public borrowing func lock() {
    assert(tidelock_check_not_held(unsafe address))
    tidelock_lock(unsafe address)
    assert(tidelock_note_held(unsafe address))
  }

  /// Takes the lock if nobody has it and nobody is seen to wait.
  ///
  /// Wait-free.
  @unsafe @inlinable @inline(__always)
  public borrowing func tryLock() -> Bool {
    let isTaken = tidelock_try_lock(unsafe address)
    assert(!isTaken || tidelock_note_held(unsafe address))
    return isTaken
  }

  /// Releases the lock, which the caller must hold.
  ///
  /// Compiles to one store, a patch site.
  @unsafe @inlinable @inline(__always)
  public borrowing func unlock() {
    assert(tidelock_note_released(unsafe address))
    tidelock_unlock(unsafe address)
  }

  /// Where the word is: a lock never moves while it can be locked.
  @usableFromInline
  var address: UInt {
    @inlinable @inline(__always)
    get { unsafe UInt(Builtin.ptrtoint_Word(Builtin.addressOfRawLayout(self))) }
  }
}
