import LockPlatform
import ModelChecker

/// One small breakage of the shipped code, made where it meets the machine: the code runs as it is,
/// and the machine does one kind of its accesses or calls otherwise.
public enum Mutation: Equatable, Sendable {
  /// Accesses of one kind to words of one kind are done otherwise.
  case access(Access, Word, writing: UInt64? = nil, Change)
  /// Nobody is woken.
  case noKick
  /// Who waits sleeps without looking at the word again.
  case sleepsWithoutLooking
  /// A CPU is counted only after it has read which slow path is in place.
  case countsAfterReading
  /// A drain begins without a barrier on every CPU.
  case noBarrierBeforeDrain
  /// A drain does not look at CPU 0.
  case drainForgetsCPU
  /// A drain looks once and is satisfied.
  case drainLooksOnce
  /// Who waits at the gate never learns that it is open.
  case gateKeepsWaiters
  /// Who waits at the gate does not try to take the lock meanwhile.
  case gateDoesNotTry
  /// The serialization of this number (from 0) in a poke is left out.
  case noSerialization(Int)
  /// The first byte is written in the place of the breakpoint.
  case noBreakpoint
  /// The tail is written before the breakpoint, which is written in its place.
  case tailFirst
  /// What should be one store of a word of code is two.
  case storesCodeInHalves
  /// The native form is two instructions: the store, and a no-operation behind it.
  case twoInstructions
  /// The handler goes on one byte before the end of the site.
  case resumesInside
  /// The handler does nothing and goes on behind the site.
  case emulatesNothing
  /// The handler emulates the native unlock.
  case emulatesNative

  /// Who is gathered acknowledges without serializing.
  case followerDoesNotSerialize
  /// The leader of the lock-step does not wait for acknowledgements.
  case leaderDoesNotWait
  /// Who is gathered and meets a breakpoint waits for the site without acknowledging.
  case handlerDoesNotJoin
  /// The leader that meets a breakpoint waits for the site.
  case leaderDoesNotFinish
  /// A switch does not lead slow paths to the gate.
  case noGate
  /// Who switches does not wait until the barrier has been passed.
  case barrierNotAwaited
  /// The operations that CPUs are in are not counted.
  case marksNotCounted
  /// The locks that CPUs hold are not counted.
  case referencesNotCounted
  /// An unlock drops the reference that was kept last.
  case dropsLast

  /// The new slow path is published before its text is verified.
  case publishesBeforeVerifying
  /// An undo does not open the gate.
  case undoKeepsGateClosed
  /// The gate is never opened.
  case gateStaysClosed
  /// The state does not note a batch that has begun.
  case stateForgetsBegun
  /// The state does not note a batch that has ended.
  case stateForgetsEnded
  /// The state does not note which slow paths somebody may be in.
  case stateForgetsOccupied
  /// The state does not note where the slow path leads.
  case stateForgetsEntered
  /// The set that was in force before stays noted.
  case stateForgetsSet
  /// After an undo that failed the state is taken for that of the old set.
  case forgetsWhereItIsStuck
  /// The drain of an undo looks once and is satisfied.
  case undoDrainLooksOnce
  /// The drain of an undo begins without a barrier on every CPU.
  case noBarrierBeforeUndoDrain
  /// A drain goes on where the last one ended.
  case drainGoesOnFromLast
  /// A store to code that was refused counts as done.
  case refusedStoreIgnored
  /// A serialization that was refused counts as done.
  case refusedSerializationIgnored
  /// A site that somebody else has changed is taken for whole.
  case alteredNotSeen
  /// Who leaves the gate enters the slow path uncounted.
  case gateLeadsOnUncounted
  /// Who leaves the gate enters the old slow path.
  case gateLeadsToOld
  /// The handler emulates the slow path of the old set.
  case emulatesOldSlowPath
  /// Which of two slow paths one function is stays as it was.
  case keyNotChosen
  /// Marks do not nest: leaving one slow path, a CPU counts as outside all.
  case marksDoNotNest
  /// At a gate in a handler a CPU counts as outside all slow paths.
  case gateDropsAllLevels
  /// Every barrier but the first counts as passed by who has passed that.
  case barrierPassedOnce
  /// References that were kept for an earlier switch count again.
  case generationStays
  /// Acknowledgements of an earlier gathering count again.
  case gatheringStays
  /// The cores are not serialized once the lock-step has ended.
  case noSerializationAfterLockStep
  /// The handler that finishes a site on the leader does not wait for acknowledgements.
  case handlerFinishesAtOnce
  /// Who is held, and waits at the gate in a handler, does not acknowledge.
  case gateDoesNotAnswer
  /// The leader that waits at the gate in a handler does not let go.
  case gateDoesNotLetGo
  /// A node is given back before the queue is handed over.
  case nodeGivenBackEarly
  /// A node counts as taken only once it has been cleared.
  case depthRaisedLate
  /// A context that gives its node back gives back all nodes of its CPU.
  case depthCleared
  /// A context that has no node takes that of the fourth.
  case fifthContextSharesNode
  /// A waiter that was woken takes itself for the head without looking.
  case wokenIsHead
  /// A head that wakes in vain enters the hash though its entry is still there.
  case headForgetsEntry
  /// A head that nobody woke leaves its entry in the hash.
  case headLeavesEntry
  /// The owner does not say where it has entered the next head in the hash.
  case entryNotTold
  /// A head of the native queue whose compare-exchange fails does not look again.
  case headLooksOnce
  /// The pending waiter takes a lock that it has seen free by a plain store.
  case pendingTakesByStore
  /// The head of the native queue, with others behind it, takes a lock that it has seen free by a plain
  /// store.
  case headTakesByStore
  /// The head of the native queue, with others behind it, does not write the locked byte.
  case headDoesNotLock
  /// Who comes does not look whether somebody waits in front of the queue.
  case newcomerIgnoresPending
  /// Who comes does not look whether there is a queue.
  case newcomerIgnoresTail
  /// The native queue is Linux's, whose waiters take a lock that they have seen free by plain stores.
  case queueIsLinux
  /// A kick is lost if its CPU is in a handler.
  case kickMissesHandler
  /// A CPU without a number uses the nodes of CPU 0.
  case numberlessTakesZero
  /// CPU 2 has the number of CPU 1 as well.
  case twoOfOneNumber
  /// CPU 1 gives its number back before it hands the queue over.
  case numberGivenBackEarly
  /// A search of the hash goes on at its end and not at its beginning.
  case hashDoesNotWrap
  /// A removal from the hash ends at a free entry.
  case hashSearchEndsAtGap
  /// A removal from the hash frees the entry before it reads it.
  case hashReadAfterFree
  /// An unlock frees the lock before it removes its entry from the hash.
  case entryRemovedLate

  /// A kind of access.
  public enum Access: UInt8, Sendable { case load, store, exchange, compareExchange, fetchOr }

  /// A kind of word.
  public enum Word: UInt8, Sendable {
    case whole, locked, pending, lockedAndPending, tail
    case next, isHead, state, depth, lastTurn, hashLock, hashNode, mark, slowPath, other
  }

  /// What becomes of the access.
  public enum Change: Equatable, Sendable {
    /// It is not done; an update still reads.
    case omitted
    /// An update is a load and then a store: not atomic, no barrier.
    case torn
    /// A store clears the whole word that its place is part of.
    case widened
    /// A compare-exchange that expects 0 compares and changes the lowest byte only.
    case narrowed
    /// A store is done twice.
    case again
    /// The lock that the word is part of is read once more.
    case looked
  }
}

extension Mutation.Word {
  /// What kind of word is at an address.
  init(_ address: UInt, bits: Int) {
    let areas = ModelMemory.area(UInt32(ModelMemory.maximumCPUs))
    if address < areas {
      let offset = (address &- ModelMemory.area(0)) % 320
      self =
        offset == 0
        ? .depth
        : offset < 64
          ? offset == 8 ? .lastTurn : .other
          : [.next, .isHead, .state][offset % 64 == 12 ? 2 : Int(offset % 64 / 8)]
    } else if address < ModelMemory.lock(0).whole.address {
      self = (address &- areas) % 16 == 0 ? .hashLock : .hashNode
    } else if address < ModelMemory.lock(ModelMemory.locks).whole.address {
      switch (address % 8, bits) {
      case (0, 8): self = .locked
      case (0, 16): self = .lockedAndPending
      case (1, _): self = .pending
      case (2, _): self = .tail
      default: self = .whole
      }
    } else if address == ModelMemory.entry(.slowPath).address {
      self = .slowPath
    } else if address >= ModelMemory.mark(0).address, address < ModelMemory.entry(.slowPath).address
    {
      self = .mark
    } else {
      self = .other
    }
  }
}

extension Mutation {
  /// The change of an access, if this is a mutation of it.
  func change<W: MemoryWord>(_ access: Access, _ location: Location<W>, _ value: W) -> Change? {
    guard case .access(let mine, let word, let writing, let change) = self, mine == access,
      word == Word(location.address, bits: W.bitWidth),
      writing == nil || writing == UInt64(truncatingIfNeeded: value)
    else { return nil }
    return change
  }

  /// A changed load: what it answers.
  ///
  /// Inlined, here and below, so that the access is seen to come from the code it stands in.
  @inline(__always)
  func load<W: MemoryWord>(_ location: Location<W>, _ ordering: LoadOrdering) -> W {
    let word = Word(location.address, bits: W.bitWidth)
    if self == .gateDoesNotTry, word == .whole, isAtGate {
      _ = Simulated.load(location, ordering)
      return 1
    }
    let value =
      outlives ? loadOtherwise(location, word, ordering) : Simulated.load(location, ordering)
    if word == .slowPath, Simulated.cpu &+ 1 < ModelSettings.current.cpus {
      if self == .gateKeepsWaiters, ordering == .relaxed {
        return W(truncatingIfNeeded: UInt8(Implementation.gate.rawValue))
      }
      if self == .countsAfterReading, ordering == .acquiring {
        let mark = ModelMemory.mark(Simulated.cpu)
        Simulated.store(Simulated.load(mark, .relaxed) &+ 1, to: mark, .relaxed)
      }
    }
    return value
  }

  /// A changed store; false if it is not changed.
  @inline(__always)
  func store<W: MemoryWord>(
    _ value: W, _ location: Location<W>, _ ordering: StoreOrdering
  ) -> Bool {
    let word = Word(location.address, bits: W.bitWidth)
    if let changed = switching(value, location) {
      Simulated.store(changed, to: location, ordering)
      return true
    }
    if word == .mark, ordering == .relaxed {
      note(isAtGate: false)
      // Put off: see `load`.
      if self == .countsAfterReading { return true }
    }
    switch change(.store, location, value) {
    case nil: return outlives && storeOtherwise(value, location, word, ordering)
    case .torn, .narrowed: return false
    case .omitted: return true
    case .again:
      Simulated.store(value, to: location, ordering)
      Simulated.store(value, to: location, ordering)
      return true
    case .looked:
      Simulated.store(value, to: location, ordering)
      look(at: location)
      return true
    case .widened:
      // A lock's word, by the kinds of words this is used for.
      let whole = unsafe Location<UInt32>(address: location.address & ~3)
      Simulated.store(UInt32(truncatingIfNeeded: value), to: whole, ordering)
      return true
    }
  }

  /// A changed update: what it answers; nil if it is not changed.
  @inline(__always)
  func update<W: MemoryWord>(
    _ access: Access, _ location: Location<W>, _ expected: W?, _ desired: W
  ) -> W? {
    if outlives { return updateOtherwise(access, location, expected, desired) }
    guard let change = change(access, location, desired) else { return nil }
    if change == .looked, let expected {
      let old = Simulated.compareExchange(
        location, expected: expected, desired: desired, .sequentiallyConsistent)
      if old == expected { look(at: location) }
      return old
    }
    if change == .narrowed {
      guard expected == 0 else { return nil }
      let byte = unsafe Location<UInt8>(address: location.address)
      return W(
        Simulated.compareExchange(
          byte, expected: 0, desired: UInt8(truncatingIfNeeded: desired), .sequentiallyConsistent))
    }
    let old = Simulated.load(location, .relaxed)
    if change == .omitted { return old }
    if let expected, old != expected { return old }
    Simulated.store(access == .fetchOr ? old | desired : desired, to: location, .relaxed)
    return old
  }

  // MARK: Being at the gate

  private var isAtGate: Bool { Simulated.load(ModelMemory.note(Simulated.cpu), .relaxed) != 0 }

  /// Notes whether this CPU is at the gate: book-keeping for `gateDoesNotTry`.
  func note(isAtGate: Bool) {
    Simulated.store(isAtGate ? 1 : 0, to: ModelMemory.note(Simulated.cpu), .relaxed)
  }
}
