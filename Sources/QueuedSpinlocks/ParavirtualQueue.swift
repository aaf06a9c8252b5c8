import LockPlatform

/// The paravirtual slow path: a queued spinlock whose waiters halt.
///
/// After Linux's `qspinlock_paravirt.h` (Waiman Long), with two differences that keep it fair and
/// fast when there are many more waiters than CPUs. Lock stealing is bounded, on entry and by the
/// *turn rule*: a CPU whose last turn in a queue is longer ago than `Platform.turn` queues when others
/// wait. And a head that was woken in vain enters the hash again, so that it really halts again.
///
/// Needs the paravirtual unlock: with the native one the head sleeps for ever.
public enum ParavirtualQueue<Platform: LockMachine> {
  /// Takes the lock.
  ///
  /// Callable in up to four nested contexts on one CPU; deeper ones take the lock without queueing.
  /// Halts, so the platform's `wait` must be allowed in that context.
  @inlinable
  public static func slowPath(_ lock: LockWord) {
    if steal(lock) { return }
    guard let place = QueuePlace<Platform>() else {
      Platform.count(.noNode)
      return TestAndSet<Platform>.slowPath(lock)
    }
    let previous = place.join(lock)
    var entry: UInt32 = QueueNode.noEntry
    if !previous.isEmpty {
      let before = previous.node(on: Platform.self)
      // Releasing; pairs with the load in `successor`.
      Platform.store(UInt64(place.node.address), to: before.next, .releasing)
      entry = waitBehind(previous.cpu, before, place)
    }
    waitAsHead(lock, place, entry)
    // Relaxed: only this CPU reads it.
    Platform.store(Platform.ticks, to: place.nodes.lastTurn, .relaxed)
    handOver(lock, place)
    place.leave()
  }

  // MARK: Before the queue

  /// Takes the lock ahead of the queue, for a bounded number of looks: `*,0,0 -> *,0,1`.
  @inlinable @inline(__always)
  static func steal(_ lock: LockWord) -> Bool {
    var mayPass = false
    var attempt: UInt32 = 0
    let bound = Platform.bound(stealPauses)
    while attempt < bound {
      // Relaxed: a hint; the compare-exchange acquires.
      let word = Platform.load(lock.whole, .relaxed)
      if word & LockWord.tailMask != 0, !mayPass {
        guard turnIsFresh() else { return false }
        mayPass = true
      }
      // The tail is in the other half: it may come and go meanwhile.
      if word & (LockWord.lockedMask | LockWord.pendingMask) == 0,
        Platform.compareExchange(lock.lockedAndPending, expected: 0, desired: 1, .acquiring) == 0
      {
        Platform.count(.steal)
        return true
      }
      Platform.pause(attempt)
      attempt &+= 1
    }
    return false
  }

  /// Whether this CPU had its turn in a queue so recently that it may still pass waiters.
  @inlinable @inline(__always)
  static func turnIsFresh() -> Bool {
    guard let cpu = Platform.currentCPU else { return true }
    let nodes = PerCPUNodes(base: Platform.queueArea(of: cpu))
    return Platform.ticks &- Platform.load(nodes.lastTurn, .relaxed) < Platform.turn
  }

  // MARK: In the queue

  /// Waits until the node before ours has become the owner: spins briefly while that one runs, then
  /// halts.
  ///
  /// Returns what the owner says in `isHead`: where it has entered us in the hash, if it has.
  @inlinable @inline(__always)
  static func waitBehind(
    _ cpu: CPUNumber, _ before: QueueNode, _ place: QueuePlace<Platform>
  ) -> UInt32 {
    let node = place.node
    while true {
      var attempt: UInt32 = 0
      let bound = Platform.bound(behindPauses)
      while attempt < bound {
        // Acquiring; pairs with the store in `handOver`.
        let told = Platform.load(node.isHead, .acquiring)
        if told != 0 { return told }
        // A predecessor that does not run will not become the owner soon. Relaxed: advice.
        if Platform.load(before.state, .relaxed) != WaiterState.running { break }
        if Platform.isPreempted(cpu) { break }
        Platform.pause(attempt)
        attempt &+= 1
      }
      // Handshake with `handOver`: we say that we halt, then look at `isHead`; it writes `isHead`,
      // then looks whether we halt. Both sides are sequentially consistent, so one sees the other.
      _ = Platform.exchange(WaiterState.halted, at: node.state, .sequentiallyConsistent)
      if Platform.load(node.isHead, .acquiring) == 0 {
        Platform.count(.halt)
        Platform.wait(on: node.state, while: WaiterState.halted)
      }
      let told = Platform.load(node.isHead, .acquiring)
      if told != 0 { return told }
      // A spurious wake-up: a kick meant for an earlier use of this node, or a timeout.
      Platform.store(WaiterState.running, to: node.state, .relaxed)
    }
  }

  /// Takes the lock as the head of the queue: `*,x,y -> *,0,1`.
  ///
  /// A wait may time out after an unlock that freed the lock and woke nobody: a native one, at a site
  /// that no switch reaches. Then our entry is still in the hash and we must remove it: by it, a later
  /// unlock would wake us instead of the head that sleeps.
  @inlinable @inline(__always)
  static func waitAsHead(_ lock: LockWord, _ place: QueuePlace<Platform>, _ entry: UInt32) {
    var entry = entry
    let node = place.node
    while true {
      // While we spin, only a CPU that looked before this can pass us: *,0,* -> *,1,*. Relaxed: it
      // guards no data.
      Platform.store(1, to: lock.pending, .relaxed)
      var attempt: UInt32 = 0
      let bound = Platform.bound(headPauses)
      while attempt < bound {
        // *,1,0 -> *,0,1. Acquiring; pairs with the unlock.
        if Platform.load(lock.locked, .relaxed) == 0,
          Platform.compareExchange(
            lock.lockedAndPending, expected: 0x100, desired: 1, .acquiring) == 0x100
        {
          forget(entry, lock, node)
          return
        }
        Platform.pause(attempt)
        attempt &+= 1
      }
      Platform.store(0, to: lock.pending, .relaxed)

      // Handshake with `unlock`: we say that we sleep, then look at the byte; it frees the byte,
      // then sets our state to running. Sequentially consistent on both sides: if our write comes
      // after its, we see the byte it freed; if it comes before, its write ends our wait.
      _ = Platform.exchange(WaiterState.hashed, at: node.state, .sequentiallyConsistent)
      if Platform.load(lock.locked, .acquiring) != LockWord.slow {
        forget(entry, lock, node)
        // No unlock would find us: either we never were in the hash, or an unlock has taken us out
        // and another CPU has the lock by now. Enter before the byte says so.
        entry = LockHash<Platform>.insert(lock, node)
        if Platform.exchange(LockWord.slow, at: lock.locked, .sequentiallyConsistent) == 0 {
          // It was free: we own it, and no unlock needs the entry. Relaxed: acquired by the exchange,
          // and no other CPU writes the byte of a lock that we hold.
          Platform.store(1, to: lock.locked, .relaxed)
          LockHash<Platform>.remove(entry, lock, node)
          return
        }
      }
      Platform.count(.halt)
      Platform.wait(on: node.state, while: WaiterState.hashed)
    }
  }

  /// Removes our entry, if there was one and no unlock has removed it.
  ///
  /// Called by the owner, or by the head of a lock whose byte is not SLOW: an unlock that looks for the
  /// entry has found it by now, and no other CPU enters this lock.
  @inlinable @inline(__always)
  static func forget(_ entry: UInt32, _ lock: LockWord, _ node: QueueNode) {
    if entry != QueueNode.noEntry { LockHash<Platform>.remove(entry, lock, node) }
  }

  /// As the owner, makes the node behind ours the head.
  @inlinable @inline(__always)
  static func handOver(_ lock: LockWord, _ place: QueuePlace<Platform>) {
    // n,0,1 -> 0,0,1 if we are the last. Relaxed: the tail's next exchange reads nothing of ours.
    // Releasing, so that the node is done with before the queue looks empty.
    let last = place.tail.inWord | 1
    if Platform.load(lock.whole, .relaxed) == last,
      Platform.compareExchange(lock.whole, expected: last, desired: 1, .releasing) == last
    {
      return
    }
    let next = place.successor()
    if Platform.compareExchange(
      next.state, expected: WaiterState.halted, desired: WaiterState.hashed, .acquiring)
      == WaiterState.halted
    {
      // It sleeps. Leave it asleep until there is something to get: enter it in the hash for it,
      // so that our own unlock wakes it. That is done before it can know that it is the head, so
      // it will not enter itself.
      let entry = LockHash<Platform>.insert(lock, next)
      // Releasing: the entry is there before an unlock (ours) looks for it. We own the byte.
      Platform.store(LockWord.slow, to: lock.locked, .releasing)
      // Releasing; pairs with the loads in `waitBehind`.
      Platform.store(entry, to: next.isHead, .releasing)
      return
    }
    // It runs. Our half of the handshake in `waitBehind`.
    _ = Platform.exchange(QueueNode.noEntry, at: next.isHead, .sequentiallyConsistent)
    if Platform.compareExchange(
      next.state, expected: WaiterState.halted, desired: WaiterState.running,
      .sequentiallyConsistent) == WaiterState.halted
    {
      Platform.kick(next.state)
    }
  }

  // MARK: Leaving

  /// Releases the lock and wakes the head of its queue if it sleeps.
  ///
  /// The compare-exchange releases and pairs with every acquisition. After it the lock word is not
  /// touched: the lock may be freed by then, or be in another set.
  @inlinable @inline(__always)
  public static func unlock(_ lock: LockWord) {
    if Platform.compareExchange(lock.locked, expected: 1, desired: 0, .releasing) != 1 {
      unlockSlow(lock)
    }
  }

  /// The rest of `unlock`, when the locked byte was not 1.
  @inlinable
  public static func unlockSlow(_ lock: LockWord) {
    // Acquiring; pairs with the write of SLOW: its writer entered the hash before.
    guard Platform.load(lock.locked, .acquiring) == LockWord.slow,
      let node = LockHash<Platform>.remove(lock)
    else {
      Platform.count(.unbalancedUnlock)
      return
    }
    Platform.store(0, to: lock.locked, .releasing)
    // From here on nodes only. Our half of the handshake in `waitAsHead`.
    _ = Platform.exchange(WaiterState.running, at: node.state, .sequentiallyConsistent)
    Platform.count(.kick)
    Platform.kick(node.state)
  }

  // MARK: Bounds

  /// How many looks a newcomer has at the lock before it queues.
  @inlinable static var stealPauses: UInt32 { 400 }
  /// How long a waiter that is not the head spins while its predecessor runs.
  @inlinable static var behindPauses: UInt32 { 32 }
  /// How long the head spins before it halts.
  @inlinable static var headPauses: UInt32 { 1000 }
}
