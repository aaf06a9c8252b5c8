/// Shared memory, one access at a time.
///
/// Every access of the generic floors to memory that two CPUs may touch goes through here: an atomic
/// access that does not is invisible to the model checker and is a defect. Conforming types have no
/// instances, so that an operation costs exactly its instruction.
///
/// All of it may be called in any context (task, interrupt, NMI; signal handler) and is wait-free.
public protocol AtomicMemory {
  /// Reads a word.
  static func load<Word>(_ location: Location<Word>, _ ordering: LoadOrdering) -> Word

  /// Writes a word.
  static func store<Word>(_ value: Word, to location: Location<Word>, _ ordering: StoreOrdering)

  /// Writes a word and returns what it held.
  static func exchange<Word>(
    _ value: Word, at location: Location<Word>, _ ordering: UpdateOrdering
  ) -> Word

  /// Writes `desired` if the word holds `expected`; returns what it held. A failure orders like a
  /// relaxed load.
  static func compareExchange<Word>(
    _ location: Location<Word>, expected: Word, desired: Word, _ ordering: UpdateOrdering
  ) -> Word

  /// Sets bits of a word and returns what it held.
  static func fetchOr<Word>(
    _ bits: Word, at location: Location<Word>, _ ordering: UpdateOrdering
  ) -> Word

  /// Keeps the compiler from moving accesses across; no instruction.
  ///
  /// Enough where the other party is on this very CPU (an interrupt), or makes this CPU execute a
  /// full barrier itself (membarrier, a grace period).
  static func compilerBarrier()

  /// Tells the machine that this CPU waits for another's write: `attempt` counts from 0 in each
  /// waiting loop. A platform may do more than pause, but must return.
  static func pause(_ attempt: UInt32)
}

extension AtomicMemory {
  /// Waits, pausing, until the word satisfies a condition, and returns it.
  @inlinable @inline(__always)
  public static func spin<Word>(
    _ location: Location<Word>, _ ordering: LoadOrdering, until done: (Word) -> Bool
  ) -> Word {
    var attempt: UInt32 = 0
    while true {
      let value = load(location, ordering)
      if done(value) { return value }
      pause(attempt)
      attempt &+= 1
    }
  }
}
