import LockPlatform

/// A lock whose waiters are gone, as in the child of a fork.
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

  /// Forgets the sleeping head of a lock's queue; the lock word is not touched.
  @inlinable
  public static func forgetHead(_ lock: LockWord) {
    // The head's entry, if it slept, and whatever a removal that the fork cut short has left.
    while LockHash<Platform>.remove(lock) != nil {}
  }

  /// Frees all nodes of a CPU that is gone.
  @inlinable
  public static func forget(_ cpu: CPUNumber) {
    Platform.store(0, to: PerCPUNodes(base: Platform.queueArea(of: cpu)).depth, .relaxed)
  }
}
