import LockPlatform

/// Leads from a lock whose queue's head sleeps to the node to wake.
///
/// Open addressing with linear probing. A lock has at most one entry, each CPU at most one for
/// each nested context, and the table has at least twice as many entries, so a free one exists.
/// Entries are two words: the lock's address (0: free), the node's address.
@usableFromInline
enum LockHash<Platform: LockMachine> {
  /// Enters a lock; returns the place of the entry, as `isHead` holds it.
  ///
  /// Called by the lock's owner or the head of its queue, never by both at once (see `handOver`).
  @inlinable @discardableResult
  static func insert(_ lock: LockWord, _ node: QueueNode) -> UInt32 {
    let hash = Platform.lockHash
    var slot = start(lock, hash.entries)
    while true {
      let entry = hash.address &+ slot &* 16
      let owner = unsafe Location<UInt64>(address: entry)
      let value = unsafe Location<UInt64>(address: entry &+ 8)
      // Relaxed: whoever removes the entry has first seen the locked byte SLOW, which is written after
      // both words with an exchange or in order with them.
      if Platform.compareExchange(
        owner, expected: 0, desired: UInt64(lock.whole.address), .relaxed) == 0
      {
        Platform.store(UInt64(node.address), to: value, .releasing)
        return QueueNode.entry(at: slot)
      }
      slot = (slot &+ 1) & (hash.entries &- 1)
    }
  }

  /// Removes a lock's entry and returns its node; nil if there is none, which only an unlock of a
  /// lock that is not held can meet.
  @inlinable
  static func remove(_ lock: LockWord) -> QueueNode? {
    let hash = Platform.lockHash
    var slot = start(lock, hash.entries)
    // Entries are removed without closing the gap, so an empty slot does not end the search.
    for _ in 0..<hash.entries {
      let entry = hash.address &+ slot &* 16
      let owner = unsafe Location<UInt64>(address: entry)
      // Acquiring, as is the load of SLOW that led here; pairs with `insert`.
      if Platform.load(owner, .acquiring) == UInt64(lock.whole.address) {
        let value = unsafe Location<UInt64>(address: entry &+ 8)
        let node = Platform.load(value, .acquiring)
        // Releasing: the next user of the slot writes after our read.
        Platform.store(0, to: owner, .releasing)
        return QueueNode(address: UInt(node))
      }
      slot = (slot &+ 1) & (hash.entries &- 1)
    }
    return nil
  }

  /// Removes an entry where it is known to have been made, if it is there.
  ///
  /// Called by the node's own CPU, while no other may remove the entry. Another lock's entry may be there
  /// by now.
  @inlinable
  static func remove(_ entry: UInt32, _ lock: LockWord, _ node: QueueNode) {
    let address = Platform.lockHash.address &+ QueueNode.slot(of: entry) &* 16
    let owner = unsafe Location<UInt64>(address: address)
    let value = unsafe Location<UInt64>(address: address &+ 8)
    // Relaxed, both: our own writes, or those of the previous owner, whose word we have acquired.
    guard Platform.load(owner, .relaxed) == UInt64(lock.whole.address),
      Platform.load(value, .relaxed) == UInt64(node.address)
    else { return }
    // Releasing: the next user of the slot writes after our read.
    Platform.store(0, to: owner, .releasing)
  }

  /// Fibonacci hashing of the address, whose lowest two bits are 0.
  @inlinable @inline(__always)
  static func start(_ lock: LockWord, _ entries: UInt) -> UInt {
    let mixed = (UInt64(lock.whole.address) >> 2) &* 0x9e37_79b9_7f4a_7c15
    return UInt(truncatingIfNeeded: mixed >> 32) & (entries &- 1)
  }
}
