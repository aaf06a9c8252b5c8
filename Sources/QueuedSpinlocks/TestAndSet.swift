import LockPlatform

/// The slow path that never queues: Linux's `virt_spin_lock`.
///
/// It takes the lock only when the whole word is 0, so it is correct beside either queue. Unfair: one
/// CPU may wait without bound, while the lock itself makes progress.
public enum TestAndSet<Platform: AtomicMemory> {
  /// Takes the lock.
  ///
  /// Callable in every context in which a spinlock may be taken.
  @inlinable
  public static func slowPath(_ lock: LockWord) {
    _ = wait(lock, while: { true }, resting: Platform.pause)
  }

  /// Waits for the lock for as long as a condition holds.
  ///
  /// True if the lock was taken.
  ///
  /// A CPU that waits here is queued nowhere and may leave at any time, which lets a switch send it on.
  @inlinable @inline(__always)
  public static func wait(
    _ lock: LockWord, while isInPlace: () -> Bool, resting rest: (UInt32) -> Void
  ) -> Bool {
    var attempt: UInt32 = 0
    while true {
      // Relaxed: says when an attempt is worth the line; the attempt itself acquires.
      if Platform.load(lock.whole, .relaxed) == 0, lock.tryLock(on: Platform.self) { return true }
      guard isInPlace() else { return false }
      rest(attempt)
      attempt &+= 1
    }
  }
}
