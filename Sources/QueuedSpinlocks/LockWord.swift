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
  /// The fast path of every set; correct beside either queue, because it never passes a waiter.
  /// Acquires; pairs with the releasing store of every unlock.
  @inlinable @inline(__always)
  public func tryLock<Platform: AtomicMemory>(on _: Platform.Type) -> Bool {
    Platform.compareExchange(whole, expected: 0, desired: 1, .acquiring) == 0
  }
}
