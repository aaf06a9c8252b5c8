import LockPlatform
import ModelChecker

// Breakages of what outlives what, and of who takes a lock ahead of whom. Those that need to remember
// something do so in `ModelMemory.note`.
extension Mutation {
  private static var noted: UInt64 { Simulated.load(ModelMemory.note(Simulated.cpu), .relaxed) }

  static func note(_ value: UInt64) {
    Simulated.store(value, to: ModelMemory.note(Simulated.cpu), .relaxed)
  }

  /// The number under which the locks know this CPU.
  @inline(never)
  func number(_ number: UInt32) -> UInt32? {
    if number == ModelSettings.noNumber { return self == .numberlessTakesZero ? 0 : nil }
    return self == .twoOfOneNumber && number == 2 ? 1 : number
  }

  /// Whether a kick does not reach who sleeps on a word.
  @inline(never)
  func losesKick(of word: Location<UInt32>) -> Bool {
    switch self {
    case .noKick: true
    case .kickMissesHandler:
      Node(word.address).map { Simulated.load(ModelMemory.nesting($0.cpu), .relaxed) != 0 } ?? false
    default: false
    }
  }

  /// Notes that a wait has ended.
  @inline(never)
  func hasWaited(while value: UInt32) {
    if self == .wokenIsHead, value == 1 { Self.note(1) }
  }

  /// Where an access lands.
  @inline(__always)
  private func place<W: MemoryWord>(_ location: Location<W>, _ word: Word) -> Location<W> {
    guard self == .hashDoesNotWrap, word == .hashLock || word == .hashNode else { return location }
    // The last entry, at which all searches begin: words of the layout as well.
    let last = ModelMemory.hash &+ (ModelMemory.hashEntries &- 1) &* 16
    return unsafe Location(address: last &+ (location.address &- ModelMemory.hash) % 16)
  }

  // MARK: Loads

  /// Whether this is one of those below.
  ///
  /// What they do is not inlined: code that is longer keeps more on the stack that is no longer
  /// needed, and states that are the same look different.
  @inline(__always)
  var outlives: Bool {
    switch self {
    case .nodeGivenBackEarly, .depthRaisedLate, .depthCleared, .fifthContextSharesNode,
      .wokenIsHead, .headForgetsEntry, .headLeavesEntry, .entryNotTold,
      .headLooksOnce, .numberGivenBackEarly, .hashDoesNotWrap, .hashSearchEndsAtGap,
      .hashReadAfterFree, .entryRemovedLate, .newcomerIgnoresPending, .newcomerIgnoresTail,
      .pendingTakesByStore, .headTakesByStore, .headDoesNotLock:
      true
    default: false
    }
  }

  @inline(never)
  func loadOtherwise<W: MemoryWord>(
    _ location: Location<W>, _ word: Word, _ ordering: LoadOrdering
  ) -> W {
    beforeLoad(location, word)
    return afterLoad(
      Simulated.load(place(location, word), ordering), location, word, ordering)
  }

  /// What is done before a load.
  @inline(__always)
  private func beforeLoad<W: MemoryWord>(_ location: Location<W>, _ word: Word) {
    switch self {
    case .nodeGivenBackEarly where word == .next:
      guard let node = Node(location.address) else { return }
      let depth = ModelMemory.depth(node.cpu)
      guard Simulated.load(depth, .relaxed) > node.index else { return }
      Simulated.store(node.index, to: depth, .relaxed)
    case .hashReadAfterFree where word == .hashNode:
      let lock = unsafe Location<UInt64>(address: location.address &- 8)
      Simulated.store(0, to: lock, .releasing)
    default: break
    }
  }

  /// What a load answers.
  @inline(__always)
  private func afterLoad<W: MemoryWord>(
    _ value: W, _ location: Location<W>, _ word: Word, _ ordering: LoadOrdering
  ) -> W {
    switch self {
    case .fifthContextSharesNode where word == .depth: return min(value, 3)
    case .wokenIsHead where word == .isHead && Self.noted == 1:
      Self.note(0)
      return 1
    case .headForgetsEntry where word == .locked && ordering == .acquiring && Self.noted == 1:
      Self.note(0)
      return 1
    // Others that look for an entry acquire.
    case .headLeavesEntry where word == .hashLock && ordering == .relaxed: return 0
    case .headLooksOnce where word == .whole && Self.noted == 1:
      Self.note(0)
      // Somebody else's tail.
      return W(truncatingIfNeeded: UInt32(0xfff0_0000))
    case .entryRemovedLate where word == .locked && ordering == .acquiring:
      Self.note(value == 3 ? 1 : 0)
      return value
    case .hashSearchEndsAtGap where word == .hashLock: return endingAtGap(value)
    case .newcomerIgnoresPending where word == .pending: return 0
    case .newcomerIgnoresTail where word == .tail: return 0
    default: return value
    }
  }

  /// How many entries of its search a CPU has seen, and 8 more if a free one was among them.
  @inline(never)
  private func endingAtGap<W: MemoryWord>(_ value: W) -> W {
    let seen = Self.noted
    let isBlind = seen >= 8 || value == 0
    let count = seen % 8 &+ 1
    Self.note(count == UInt64(ModelMemory.hashEntries) ? 0 : isBlind ? 8 &+ count : count)
    return isBlind ? 0 : value
  }

  // MARK: Stores

  /// A store that is done otherwise; false if it is not one.
  @inline(never)
  func storeOtherwise<W: MemoryWord>(
    _ value: W, _ location: Location<W>, _ word: Word, _ ordering: StoreOrdering
  ) -> Bool {
    switch self {
    case .hashDoesNotWrap where word == .hashLock || word == .hashNode:
      Simulated.store(value, to: place(location, word), ordering)
      return true
    case .hashSearchEndsAtGap where word == .hashLock:
      Self.note(0)
      return false
    case .depthRaisedLate: return raisedLate(value, location, word)
    case .depthCleared where word == .depth:
      guard value < Simulated.load(location, .relaxed) else { return false }
      Simulated.store(0, to: location, ordering)
      return true
    case .entryNotTold where word == .isHead && value > 1:
      Simulated.store(1, to: location, ordering)
      return true
    case .entryRemovedLate: return removedLate(value, location, word, ordering)
    case .numberGivenBackEarly where word == .lastTurn && Simulated.cpu == 1:
      Simulated.store(1, to: ModelMemory.exited, .releasing)
      return false
    default: return false
    }
  }

  /// The depth is raised when the node has been cleared, not before.
  @inline(never)
  private func raisedLate<W: MemoryWord>(
    _ value: W, _ location: Location<W>, _ word: Word
  ) -> Bool {
    if word == .depth, value > Simulated.load(location, .relaxed) {
      Self.note(UInt64(truncatingIfNeeded: value))
      return true
    }
    let depth = UInt32(truncatingIfNeeded: Self.noted)
    guard word == .state, depth != 0 else { return false }
    Self.note(0)
    Simulated.store(value, to: location, .relaxed)
    let place = ModelMemory.depth(Simulated.cpu)
    Simulated.store(depth, to: place, .relaxed)
    return true
  }

  /// The unlock frees the byte, and then the entry.
  @inline(never)
  private func removedLate<W: MemoryWord>(
    _ value: W, _ location: Location<W>, _ word: Word, _ ordering: StoreOrdering
  ) -> Bool {
    let noted = Self.noted
    switch word {
    case .pending: Self.note(0)
    case .hashLock where noted == 1 && value == 0:
      Self.note(UInt64(location.address))
      return true
    case .locked where noted > 1 && value == 0:
      Self.note(0)
      Simulated.store(value, to: location, ordering)
      let entry = unsafe Location<UInt64>(address: UInt(noted))
      Simulated.store(0, to: entry, .releasing)
      return true
    default: break
    }
    return false
  }

  // MARK: Updates

  /// An update that is done otherwise: what it answers; nil if it is not one.
  @inline(never)
  func updateOtherwise<W: MemoryWord>(
    _ access: Access, _ location: Location<W>, _ expected: W?, _ desired: W
  ) -> W? {
    let word = Word(location.address, bits: W.bitWidth)
    switch (self, word, access) {
    case (.headForgetsEntry, .state, .exchange):
      Self.note(desired == 2 ? 1 : 0)
      return nil
    case (.hashDoesNotWrap, .hashLock, .compareExchange):
      return Simulated.compareExchange(
        place(location, word), expected: expected ?? 0, desired: desired, .relaxed)
    case (.headLooksOnce, .whole, .compareExchange) where expected != 0:
      let old = Simulated.compareExchange(
        location, expected: expected ?? 0, desired: desired, .relaxed)
      Self.note(old == expected ? 0 : 1)
      return old
    // Claims: a pending waiter expects its bit, and newcomers have no node.
    case (.pendingTakesByStore, .lockedAndPending, .compareExchange) where expected == 0x100,
      (.headTakesByStore, .locked, .compareExchange) where isQueued:
      Simulated.store(desired, to: location, .relaxed)
      return expected
    case (.headDoesNotLock, .locked, .compareExchange) where isQueued: return expected
    default: return nil
    }
  }

  private var isQueued: Bool { Simulated.load(ModelMemory.depth(Simulated.cpu), .relaxed) != 0 }

  // MARK: Once more

  /// Reads the lock once more that a word is part of.
  @inline(never)
  func look<W: MemoryWord>(at location: Location<W>) {
    let whole = unsafe Location<UInt32>(address: location.address & ~3)
    _ = Simulated.load(whole, .relaxed)
  }
}
