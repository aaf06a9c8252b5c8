import LockPlatform

/// Which of the NMIs that a CPU receives were sent to it by other CPUs on this module's behalf.
///
/// An NMI does not say where it comes from, and they collapse: one that comes while another is pending
/// is that one, and while one is in service a single one waits. Three that are sent may arrive as one,
/// two or three, and somebody else's may be among them. So CPUs count:
///
///     sender    begun += 1   the NMI is sent   ended += 1
///     receiver  in its NMI: claimed < begun? claimed += 1, this one is ours
///               outside of one: begun == ended? all have arrived, claimed = begun
///
/// - Each NMI that was sent is claimed by one arrival at most, and no arrival is left that only it can
///   have caused: as long as it is under way, `claimed < begun`.
/// - What collapsed leaves something to claim, until the receiver passes ``settle()``. It does so
///   wherever it waits, and at each interrupt that a switch sends to every CPU.
/// - Of two arrivals, one of them ours and the other nobody's, one is claimed; which of the two is not to
///   be told, and the kernel sees the other.
/// - An NMI that somebody else recognised as well (a performance counter's) may have been claimed in
///   place of ours, which is still to come: the receiver takes such a claim back.
///
/// Assumes that an NMI is pending at its receiver when the instruction that sends it has completed, as in
/// every virtual machine, where that instruction is the hypervisor's.
///
/// Any number of CPUs may send, in any context. Lock-free.
@frozen public struct NMIClaims<Memory: AtomicMemory> {
  /// Bytes that they take, aligned to 8 and zero at first.
  @inlinable public static var areaSize: UInt { 16 }

  @usableFromInline let begun: Location<UInt32>
  @usableFromInline let ended: Location<UInt32>
  /// Only the receiver writes it: how many are claimed in the low half; in the high half, if the last
  /// NMI was, what `recognised` was then, plus one.
  @usableFromInline let claimed: Location<UInt64>

  /// Those of one CPU.
  ///
  /// Contract: ``areaSize`` bytes of its own at `area`, shared by all CPUs, which live as long as it is
  /// used.
  @inlinable
  @unsafe public init(area: UInt) {
    unsafe begun = Location(address: area)
    unsafe ended = Location(address: area &+ 4)
    unsafe claimed = Location(address: area &+ 8)
  }

  /// Called by a sender before it sends, and after it has said for what.
  @inlinable
  public func begin() { Self.increment(begun) }

  /// Called by a sender when it has sent.
  @inlinable
  public func end() { Self.increment(ended) }

  // Releasing. `begun` pairs with the load in `claim`: whoever receives the NMI sees it counted, since
  // sending it orders like a store. `ended` pairs with the load in `settle`: whoever sees it has been sent
  // the NMI, and sees `begun`.
  @inlinable
  static func increment(_ count: Location<UInt32>) {
    var value = Memory.load(count, .relaxed)
    while true {
      let seen = Memory.compareExchange(
        count, expected: value, desired: value &+ 1, .acquiringAndReleasing)
      if seen == value { return }
      value = seen
    }
  }

  /// Called by the receiver once in each of its NMIs, whatever it was for.
  ///
  /// - Parameter recognised: How many times the handlers of this CPU's earlier NMIs, ours among them,
  ///   have recognised one; always the same number where that is not known.
  /// - Returns: Whether this one is ours.
  @inlinable
  public func claim(recognised: UInt32) -> Bool {
    // Relaxed: nobody but this CPU writes it, and no NMI comes inside one.
    let own = Memory.load(claimed, .relaxed)
    var count = UInt32(truncatingIfNeeded: own)
    let before = UInt32(truncatingIfNeeded: own >> 32)
    if before != 0, recognised &- (before &- 1) > 1 { count &-= 1 }
    // Acquiring; pairs with `begin`.
    let isOurs = count != Memory.load(begun, .acquiring)
    let next =
      isOurs
      ? UInt64(count &+ 1) | UInt64(recognised &+ 1) << 32
      : UInt64(count)
    Memory.store(next, to: claimed, .relaxed)
    return isOurs
  }

  /// Called by the receiver outside of an NMI: claims what has arrived for good, so that nothing more is
  /// claimed for it.
  ///
  /// Preemption is off. Does nothing while somebody is sending.
  @inlinable
  public func settle() {
    let own = Memory.load(claimed, .relaxed)
    // In this order: nobody was sending when `ended` was read. What was pending then was received before
    // the exchange, for no NMI is held back here; an emulator may hold it back until a jump, and the
    // guard is one. An NMI that comes from now on changes `claimed` or finds nothing to claim.
    // Acquiring; pairs with `end`.
    let sent = Memory.load(ended, .acquiring)
    let asked = Memory.load(begun, .acquiring)
    guard sent == asked, own != UInt64(asked) else { return }
    _ = Memory.compareExchange(
      claimed, expected: own, desired: UInt64(asked), .acquiringAndReleasing)
  }
}
