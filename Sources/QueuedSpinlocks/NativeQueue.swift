import LockPlatform

/// The native slow path: a queued spinlock that spins in FIFO order.
///
/// The algorithm is that of Linux's `qspinlock` (Waiman Long, Peter Zijlstra): the first waiter
/// waits on the pending bit without a queue node, all others in an MCS queue whose head waits for
/// the word. Words below are (tail, pending, locked).
///
/// Fair: first come, first served from the second waiter on, and a newcomer passes only waiters that came
/// after its look (`LockWord.tryLockByte`). So a waiter that sees the lock free must then *claim* it by
/// compare-exchange; Linux, whose newcomers compare the whole word, needs only stores. Collapses when a
/// waiter is descheduled, because no other passes it.
public enum NativeQueue<Platform: LockMachine> {
  /// Takes the lock.
  ///
  /// Callable in up to four nested contexts on one CPU; deeper ones take the lock without queueing.
  @inlinable
  public static func slowPath(_ lock: LockWord) {
    if waitAsPending(lock) { return }
    guard let place = QueuePlace<Platform>() else {
      Platform.count(.noNode)
      return TestAndSet<Platform>.slowPath(lock)
    }
    waitInQueue(lock, place)
    place.leave()
  }

  /// Waits in front of the queue if nobody waits yet; false if somebody does.
  @inlinable @inline(__always)
  static func waitAsPending(_ lock: LockWord) -> Bool {
    // Relaxed: a hint only.
    var word = Platform.load(lock.whole, .relaxed)
    if word == LockWord.pendingBit {
      // 0,1,0: the pending waiter is about to take the lock; wait briefly rather than queue.
      var attempt: UInt32 = 0
      let bound = Platform.bound(handOverPauses)
      while word == LockWord.pendingBit, attempt < bound {
        Platform.pause(attempt)
        attempt &+= 1
        word = Platform.load(lock.whole, .relaxed)
      }
    }
    guard word & ~LockWord.lockedMask == 0 else { return false }

    // 0,0,* -> 0,1,*. Relaxed: the lock is claimed below, even if it was free.
    let before = Platform.fetchOr(LockWord.pendingBit, at: lock.whole, .relaxed)
    guard before & ~LockWord.lockedMask == 0 else {
      // Another waiter came first. If we have set the bit, we clear it again: n,1,* -> n,0,*.
      // Relaxed: it guards nothing, we only step back.
      if before & LockWord.pendingMask == 0 { Platform.store(0, to: lock.pending, .relaxed) }
      return false
    }
    while true {
      // Relaxed: says when an attempt is worth the line.
      _ = Platform.spin(lock.locked, .relaxed) { $0 == 0 }
      // *,1,0 -> *,0,1. Acquiring; pairs with the releasing store of the unlock. It fails if a
      // newcomer has the byte, one that looked before we set the bit.
      if Platform.compareExchange(lock.lockedAndPending, expected: 0x100, desired: 1, .acquiring)
        == 0x100
      {
        return true
      }
    }
  }

  @inlinable @inline(__always)
  static func waitInQueue(_ lock: LockWord, _ place: QueuePlace<Platform>) {
    // The lock may have become free while we took the node.
    if Platform.load(lock.whole, .relaxed) == 0, lock.tryLock(on: Platform.self) { return }

    // p,*,* -> n,*,*
    let previous = place.join(lock)
    if !previous.isEmpty {
      let before = previous.node(on: Platform.self)
      // Releasing; pairs with the load in `successor`: our node is cleared before it is linked.
      Platform.store(UInt64(place.node.address), to: before.next, .releasing)
      // Acquiring; pairs with the releasing store at the end of this function.
      _ = Platform.spin(place.node.isHead, .acquiring) { $0 != 0 }
    }

    while true {
      // We are the head. *,x,y -> *,0,0. Relaxed: says when an attempt is worth the line.
      let word = Platform.spin(lock.whole, .relaxed) {
        $0 & (LockWord.lockedMask | LockWord.pendingMask) == 0
      }
      if word == place.tail.inWord {
        // n,0,0 -> 0,0,1, as the last one. Acquiring; pairs with the unlock.
        if Platform.compareExchange(lock.whole, expected: word, desired: 1, .acquiring) == word {
          return
        }
        // Another CPU has joined, or has set the pending bit in vain. The bit does not mean that a node
        // will be linked behind ours, since a CPU without a node queues nowhere: look again.
      } else if Platform.compareExchange(lock.locked, expected: 0, desired: 1, .acquiring) == 0 {
        // n,0,0 -> n,0,1. Somebody is behind us. Acquiring; pairs with the unlock.
        break
      }
      // Or a newcomer has the byte, one that looked before there was a queue.
    }
    // Releasing: whatever this CPU did as head is visible to the next one.
    Platform.store(1, to: place.successor().isHead, .releasing)
  }

  /// How long a newcomer lets the pending waiter take the lock before it queues.
  @inlinable static var handOverPauses: UInt32 { 512 }

  /// Releases the lock: one store.
  ///
  /// Sites hold this very instruction; the function is for platforms without sites, emulation, and
  /// the model checker.
  ///
  /// Releasing; pairs with every acquisition. The word is not touched afterwards: the lock may be
  /// freed by then.
  @inlinable @inline(__always)
  public static func unlock(_ lock: LockWord) {
    Platform.store(0, to: lock.locked, .releasing)
  }
}
