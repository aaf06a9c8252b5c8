import LockPlatform

/// The 32-bit lock word.
///
///      31            18 17   16 15       8 7        0
///     +----------------+-------+----------+----------+
///     | tail: CPU + 1  | index | pending  |  locked  |
///     +----------------+-------+----------+----------+
///
/// - locked: 0 free, 1 taken, 3 taken and the head of the queue sleeps (paravirtual only).
/// - pending: somebody waits in front of the queue (native), or the head of the queue spins and
///   nobody may take the lock ahead of it (paravirtual).
/// - tail: the last node of the queue, as the number of its CPU plus one and its nesting level.
///
/// Both sets agree on what a free lock is (the locked byte is 0) and on what a holder is (it is
/// not), which is why a holder need not know which set is in force. Layout as in Linux's
/// `qspinlock_types.h` for fewer than 16 Ki CPUs.
@frozen public struct LockWord: Equatable, Sendable {
  /// The whole word.
  public let whole: Location<UInt32>

  /// The lock whose word is at an address.
  ///
  /// Contract: that of `Location`; the word is 0 before its first use.
  @unsafe @inlinable @inline(__always)
  public init(address: UInt) {
    unsafe whole = Location(address: address)
  }

  // The parts are locations of their own: x86-64 orders accesses of different widths to one word
  // like any others to it, since all of them go to the same line (the kernel relies on the same).

  /// The locked byte.
  @inlinable var locked: Location<UInt8> {
    @inline(__always) get { unsafe Location(address: whole.address) }
  }

  /// The pending byte.
  @inlinable var pending: Location<UInt8> {
    @inline(__always) get { unsafe Location(address: whole.address &+ 1) }
  }

  /// The locked and pending bytes together.
  @inlinable var lockedAndPending: Location<UInt16> {
    @inline(__always) get { unsafe Location(address: whole.address) }
  }

  /// The upper half: the tail.
  @inlinable var tail: Location<UInt16> {
    @inline(__always) get { unsafe Location(address: whole.address &+ 2) }
  }

  @usableFromInline static var lockedMask: UInt32 { @inlinable get { 0x0000_00ff } }
  @usableFromInline static var pendingBit: UInt32 { @inlinable get { 0x0000_0100 } }
  @usableFromInline static var pendingMask: UInt32 { @inlinable get { 0x0000_ff00 } }
  @usableFromInline static var tailMask: UInt32 { @inlinable get { 0xffff_0000 } }

  /// The locked byte of a lock whose queue's head sleeps.
  @usableFromInline static var slow: UInt8 { @inlinable get { 3 } }
}

extension LockWord {
  /// Takes the lock if its whole word is 0: `0,0,0 -> 0,0,1`.
  ///
  /// Slow paths use it, and a kernel's fast path. Correct beside either queue, because it never
  /// passes a waiter. Acquires; pairs with the releasing store of every unlock.
  @inlinable @inline(__always)
  public func tryLock<Platform: AtomicMemory>(on _: Platform.Type) -> Bool {
    Platform.compareExchange(whole, expected: 0, desired: 1, .acquiring) == 0
  }

  /// Looks whether somebody waits, and if nobody does takes the byte: `*,*,0 -> *,*,1`.
  ///
  /// The fast path of a program in every set; LockSites.h has the same in C. Each access is no wider
  /// than what others store there: a processor cannot forward a store of one byte to a load of four,
  /// which then waits until the store has left the store buffer, and an unlock is such a store.
  ///
  /// A waiter that comes after the look may be passed, by each CPU once: the next look sees the waiter.
  /// So this is correct only beside queues whose waiters *claim* the byte by compare-exchange, as both
  /// queues here do. (A kernel's native queue takes a lock that it has seen free by a plain store:
  /// together they would make two owners.)
  ///
  /// Acquires; pairs with the releasing store of every unlock.
  @inlinable @inline(__always)
  public func tryLockByte<Platform: AtomicMemory>(on _: Platform.Type) -> Bool {
    // Relaxed, both: advice. Exclusion hangs on the compare-exchange alone.
    let waiters =
      UInt16(Platform.load(pending, .relaxed)) | Platform.load(tail, .relaxed)
    guard waiters == 0 else { return false }
    return Platform.compareExchange(locked, expected: 0, desired: 1, .acquiring) == 0
  }
}
