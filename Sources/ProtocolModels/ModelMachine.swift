import LockPlatform
import LockSwitching
import ModelChecker
import QueuedSpinlocks

/// The machine of the models, as the shipped locks and switches see one.
///
/// Its accesses are those of `Simulated`; where its words are is `ModelMemory`.
enum ModelMachine {}

extension ModelMachine: AtomicMemory {
  @inline(__always)
  static func load<Word>(_ location: Location<Word>, _ ordering: LoadOrdering) -> Word {
    let value: Word
    if let mutation = ModelSettings.current.mutation {
      value = mutation.load(location, ordering)
    } else {
      value = Simulated.load(location, ordering)
    }
    if Word.bitWidth == 8 { Order.looks(location.address) }
    if ModelSettings.current.joinsLooks { joinLooks(Word.bitWidth, location.address) }
    return value
  }

  /// A newcomer's second look, at the tail, follows the first, at the pending byte, which nobody else
  /// reads, in the same step.
  private static func joinLooks(_ width: Int, _ address: UInt) {
    if width == 8, Mutation.Word(address, bits: 8) == .pending {
      Simulated.fuse(true)
    } else if width == 16 {
      Simulated.fuse(false)
    }
  }

  @inline(__always)
  static func store<Word>(_ value: Word, to location: Location<Word>, _ ordering: StoreOrdering) {
    if let mutation = ModelSettings.current.mutation, mutation.store(value, location, ordering) {
      return
    }
    Simulated.store(value, to: location, ordering)
    if Word.bitWidth == 8 { Order.spins(location.address, UInt64(truncatingIfNeeded: value)) }
  }

  @inline(__always)
  static func exchange<Word>(
    _ value: Word, at location: Location<Word>, _ ordering: UpdateOrdering
  ) -> Word {
    let old =
      changed(.exchange, location, nil, value)
      ?? Simulated.exchange(value, at: location, ordering)
    // Joining a queue: the one exchange of a tail.
    if Word.bitWidth == 16 { Order.joined(location.address & ~3) }
    return old
  }

  @inline(__always)
  static func compareExchange<Word>(
    _ location: Location<Word>, expected: Word, desired: Word, _ ordering: UpdateOrdering
  ) -> Word {
    let old =
      changed(.compareExchange, location, expected, desired)
      ?? Simulated.compareExchange(location, expected: expected, desired: desired, ordering)
    // From here on the lock is held, whatever its new owner still does in the slow path.
    if old == expected { Order.taken(location, expected) }
    return old
  }

  @inline(__always)
  static func fetchOr<Word>(
    _ bits: Word, at location: Location<Word>, _ ordering: UpdateOrdering
  ) -> Word {
    let old =
      changed(.fetchOr, location, nil, bits) ?? Simulated.fetchOr(bits, at: location, ordering)
    // Of a lock: nobody waits yet, and now we do.
    if Word.bitWidth == 32, old >> 8 == 0 { Order.waits() }
    return old
  }

  @inline(__always)
  private static func changed<Word>(
    _ access: Mutation.Access, _ location: Location<Word>, _ expected: Word?, _ desired: Word
  ) -> Word? {
    guard let mutation = ModelSettings.current.mutation else { return nil }
    return mutation.update(access, location, expected, desired)
  }

  @inline(__always)
  static func compilerBarrier() {}

  @inline(__always)
  static func pause(_ attempt: UInt32) { Simulated.pause(attempt) }
}

extension ModelMachine: LockMachine {
  @inline(__always)
  static var currentCPU: CPUNumber? { number.map(CPUNumber.init) }

  /// A thread's number may have been another's before, and it may have none.
  @inline(__always)
  static var number: UInt32? {
    let number = ModelSettings.current.numbers[Int(Simulated.cpu)]
    if let mutation = ModelSettings.current.mutation { return mutation.number(number) }
    return number == ModelSettings.noNumber ? nil : number
  }

  @inline(__always)
  static func queueArea(of cpu: CPUNumber) -> UInt { ModelMemory.area(cpu.rawValue) }

  @inline(__always)
  static var lockHash: (address: UInt, entries: UInt) {
    (ModelMemory.hash, ModelMemory.hashEntries)
  }

  /// A futex: compares and sleeps in one step; may return for no reason.
  @inline(__always)
  static func wait(on word: Location<UInt32>, while value: UInt32) {
    guard isParavirtual(.wait) else { return }
    // A CPU may be as slow as it likes, so a wait for some time is one for no time.
    if ModelSettings.current.waitsTimeOut { return }
    if ModelSettings.current.mutation == .sleepsWithoutLooking {
      // Whatever the word holds, that is what it waits for to change.
      return Simulated.sleep(on: word, while: Simulated.load(word, .relaxed))
    }
    Simulated.sleep(on: word, while: value)
    ModelSettings.current.mutation?.hasWaited(while: value)
  }

  @inline(__always)
  static func kick(_ word: Location<UInt32>) {
    guard isParavirtual(.kick) else { return }
    if let mutation = ModelSettings.current.mutation, mutation.losesKick(of: word) { return }
    Simulated.wake(word)
  }

  /// As in a program: who finds the operation native does nothing.
  @inline(__always)
  private static func isParavirtual(_ operation: LockOperation) -> Bool {
    if !ModelSettings.current.readsTable { return true }
    return load(ModelMemory.entry(operation), .relaxed)
      == UInt32(Implementation.paravirtual.rawValue)
  }

  /// Advice that cuts a wait short which here gives up at its first look anyway.
  @inline(__always)
  static func isPreempted(_: CPUNumber) -> Bool { false }

  @inline(__always)
  static var ticks: UInt64 { 0 }

  /// Whether a CPU had its turn lately is anybody's guess, at each look.
  @inline(__always)
  static var turn: UInt64 { Simulated.choose(2) }

  /// One look: see `LockMachine.bound`.
  ///
  /// A look that finds nothing changes nothing, so of a wait that looks often only the last look
  /// counts, and the CPU may be as slow as it likes before that.
  @inline(__always)
  static func bound(_: UInt32) -> UInt32 {
    Simulated.giveUpAtNextPause()
    return 1
  }

  @inline(__always)
  static func count(_ event: LockEvent) {
    if event == .gate { ModelSettings.current.mutation?.note(isAtGate: true) }
    if event == .unbalancedUnlock { Simulated.fail("an unlock of a lock that nobody holds") }
  }
}

extension ModelMachine: SwitchMachine {
  typealias Code = ModelCode

  @inline(__always)
  static var slowPath: Location<UInt32> { ModelMemory.entry(.slowPath) }

  @inline(__always)
  static var mark: Location<UInt32>? { number.map(ModelMemory.mark) }

  static func mark(of cpu: UInt32) -> Location<UInt32> {
    ModelSettings.current.mutation == .marksNotCounted ? ModelMemory.zero : ModelMemory.mark(cpu)
  }

  static var cpuEnd: UInt32 { ModelSettings.current.cpus }

  static var counting: Location<UInt32> { ModelMemory.counting }

  static var references: UInt? { ModelMemory.references(Simulated.cpu) }

  static func references(of cpu: UInt32) -> UInt {
    ModelMemory.references(
      ModelSettings.current.mutation == .referencesNotCounted
        ? UInt32(ModelMemory.maximumCPUs) : cpu)
  }

  /// Keeps a reference, while `barrier` is under way.
  @inline(__always)
  static func acquired(_ lock: UInt) {
    if ModelSettings.current.switchProtocol == .barrier { References<Self>.keep(lock) }
    if ModelSettings.current.checksReferences { ModelReferences.note(lock) }
  }

  @inline(__always)
  static func yield(_: UInt32) {
    if ModelSettings.current.switchProtocol == .stopMachine, !ModelSettings.current.isKernel {
      ModelGathering.waitsAtGate()
    }
    Simulated.pause(0)
  }

  /// Only who switches looks at the time, and in a lock-step the others.
  ///
  /// A drain that has looked in vain may find the time over.
  @inline(__always)
  static var nanoseconds: UInt64 {
    if isSwitcher { expire() }
    let isRead = isSwitcher || ModelSettings.current.switchProtocol == .stopMachine
    return isRead ? Simulated.load(ModelMemory.clock, .relaxed) : 0
  }

  @inline(never)
  private static func expire() {
    guard Simulated.load(ModelMemory.lookedInVain, .relaxed) != 0,
      Simulated.load(ModelMemory.nesting(Simulated.cpu), .relaxed) == 0
    else { return }
    Simulated.store(0, to: ModelMemory.lookedInVain, .relaxed)
    if ModelFailures.timeIsOver() { Simulated.store(0, to: ModelMemory.draining, .relaxed) }
  }

  @inline(__always)
  static func noteStall(_: UInt64) {}
}
