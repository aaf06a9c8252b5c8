import LockPlatform

/// The slow path that never queues: Linux's `virt_spin_lock`.
///
/// It takes the lock only when the whole word is 0, so it is correct beside either queue. Unfair,
/// and without bound for one CPU; the lock itself makes progress.
public enum TestAndSet<Platform: LockPlatform> {
  /// Takes the lock. Callable in every context in which a spinlock may be taken.
  @inlinable
  public static func slowPath(_ lock: LockWord) {
    var attempt: UInt32 = 0
    while true {
      // Relaxed: only looks whether an attempt is worth the line; the attempt itself acquires.
      if Platform.load(lock.whole, .relaxed) == 0, lock.tryLock(on: Platform.self) { return }
      Platform.pause(attempt)
      attempt &+= 1
    }
  }
}
