import LockPlatform

/// A lock whose waiters are known to be gone: in the child of a fork.
///
/// Contract: only one CPU is left, and it is in no slow path of the lock.
public enum AbandonedQueue<Platform: LockMachine> {
  /// Removes all waiters: `*,*,0 -> 0,0,0` and `*,*,held -> 0,0,1`.
  @inlinable
  public static func dissolve(_ lock: LockWord) {
    forgetHead(lock)
    // Relaxed: nobody else is there.
    let isHeld = Platform.load(lock.locked, .relaxed) != 0
    Platform.store(isHeld ? 1 : 0, to: lock.whole, .relaxed)
  }

  /// Forgets who sleeps as the head of a lock's queue; its word is not touched.
  @inlinable
  public static func forgetHead(_ lock: LockWord) {
    // One entry for the head, if it slept; none is left over by a removal that was cut short.
    while LockHash<Platform>.remove(lock) != nil {}
  }

  /// Frees all nodes of a CPU that is gone.
  @inlinable
  public static func forget(_ cpu: CPUNumber) {
    Platform.store(0, to: PerCPUNodes(base: Platform.queueArea(of: cpu)).depth, .relaxed)
  }
}
