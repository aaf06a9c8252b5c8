import Coroutines
import LockPlatform

/// The platform of code that runs as a CPU of a model: every access is a scheduling point.
///
/// Only callable inside the bodies and handlers of a `ModelProgram` that is being explored.
public enum Simulated {
  /// The number of the CPU this runs on.
  public static var cpu: UInt32 {
    @inlinable @inline(__always) get { coroutine_self() }
  }

  /// What bodies in this thread may only read, set before an exploration begins; nil before.
  ///
  /// Contract of setting it: it stays valid until the next time.
  public static var context: UnsafeMutableRawPointer? {
    @inlinable @inline(__always) get {
      unsafe UnsafeMutableRawPointer(bitPattern: UInt(coroutine_context()))
    }
    @inlinable set { coroutine_set_context(UInt64(UInt(bitPattern: newValue))) }
  }

  /// Waits until everything this CPU has stored is in memory: `mfence`.
  @inlinable @inline(__always)
  public static func fence() { _ = ask(.fence) }

  /// Makes another CPU execute a full barrier, and waits until it has: what membarrier and a grace
  /// period do.
  @inlinable @inline(__always)
  public static func barrier(on cpu: UInt32) { _ = ask(.fenceOther, first: UInt64(cpu)) }

  /// Gives the CPU away while a word holds a value, until woken or spuriously.
  @inlinable @inline(__always)
  public static func sleep<Word>(on word: Location<Word>, while value: Word) {
    _ = ask(.sleep, word, first: UInt64(truncatingIfNeeded: value))
  }

  /// Wakes the CPUs that sleep on a word.
  @inlinable @inline(__always)
  public static func wake<Word>(_ word: Location<Word>) { _ = ask(.wake, word) }

  /// One of 0 ..< count: the explorer tries all of them.
  @inlinable @inline(__always)
  public static func choose(_ count: UInt64) -> UInt64 { ask(.choose, first: count) }

  /// A place where others may run, and nothing else.
  @inlinable @inline(__always)
  public static func step() { _ = ask(.step) }

  /// Says that this CPU enters a bounded loop: its next pause does not wait.
  @inlinable @inline(__always)
  public static func giveUpAtNextPause() { _ = ask(.boundedWait) }

  /// Keeps handlers away from this CPU, or lets them in.
  @inlinable @inline(__always)
  public static func maskInterrupts(_ masked: Bool) {
    _ = ask(.maskInterrupts, first: masked ? 1 : 0)
  }

  /// From here on, or no longer: memory accesses are one step with what came before them, which no other
  /// CPU can come between.
  ///
  /// A locked instruction that must wait for the store buffer ends it.
  @inlinable @inline(__always)
  public static func fuse(_ fused: Bool) { _ = ask(.fuse, first: fused ? 1 : 0) }

  /// Says something about a value in replays; a verb, such as "fetches".
  ///
  /// It takes no time and changes nothing.
  @inlinable @inline(__always)
  public static func note(_ verb: StaticString, _ value: UInt64) {
    // As in `fail`.
    let start = unsafe UInt64(UInt(bitPattern: verb.utf8Start))
    _ = coroutine_ask(
      UInt64(Operation.note.rawValue), start, value, UInt64(verb.utf8CodeUnitCount))
  }

  /// Ends the run with a failure unless the condition holds.
  @inlinable @inline(__always)
  public static func expect(_ condition: Bool, _ message: StaticString) {
    if !condition { fail(message) }
  }

  /// Ends the run with a failure.
  @inline(never)
  public static func fail(_ message: StaticString) {
    // A literal with a pointer representation: valid for ever.
    let start = unsafe UInt64(UInt(bitPattern: message.utf8Start))
    _ = coroutine_ask(
      UInt64(Operation.fail.rawValue), start, 0, UInt64(message.utf8CodeUnitCount))
  }

  @inlinable @inline(__always)
  static func ask(_ operation: Operation, first: UInt64 = 0) -> UInt64 {
    coroutine_ask(UInt64(operation.rawValue), 0, first, 0)
  }

  @inlinable @inline(__always)
  static func ask<Word>(
    _ operation: Operation, _ word: Location<Word>, first: UInt64 = 0, second: UInt64 = 0
  ) -> UInt64 {
    coroutine_ask(
      UInt64(operation.rawValue) | UInt64(Word.bitWidth / 8) << 8, UInt64(word.address), first,
      second)
  }
}

// Orderings weaker than the memory model's own make no difference here: on x86-64 only the compiler uses
// them, and it cannot, because each access is a call.
extension Simulated: AtomicMemory {
  /// One load.
  @inlinable @inline(__always)
  public static func load<Word>(_ location: Location<Word>, _: LoadOrdering) -> Word {
    Word(truncatingIfNeeded: ask(.load, location))
  }

  /// One store.
  @inlinable @inline(__always)
  public static func store<Word>(_ value: Word, to location: Location<Word>, _: StoreOrdering) {
    _ = ask(.store, location, first: UInt64(truncatingIfNeeded: value))
  }

  /// One locked instruction.
  @inlinable @inline(__always)
  public static func exchange<Word>(
    _ value: Word, at location: Location<Word>, _: UpdateOrdering
  ) -> Word {
    Word(truncatingIfNeeded: ask(.exchange, location, first: UInt64(truncatingIfNeeded: value)))
  }

  /// One locked instruction.
  @inlinable @inline(__always)
  public static func compareExchange<Word>(
    _ location: Location<Word>, expected: Word, desired: Word, _: UpdateOrdering
  ) -> Word {
    Word(
      truncatingIfNeeded: ask(
        .compareExchange, location, first: UInt64(truncatingIfNeeded: expected),
        second: UInt64(truncatingIfNeeded: desired)))
  }

  /// One locked instruction.
  @inlinable @inline(__always)
  public static func fetchOr<Word>(
    _ bits: Word, at location: Location<Word>, _: UpdateOrdering
  ) -> Word {
    Word(truncatingIfNeeded: ask(.fetchOr, location, first: UInt64(truncatingIfNeeded: bits)))
  }

  /// Nothing: each access is a call that the compiler does not see through.
  @inlinable @inline(__always)
  public static func compilerBarrier() {}

  /// Waits until something read since the last pause has changed: a spin that sees the same again changes
  /// nothing.
  @inlinable @inline(__always)
  public static func pause(_: UInt32) { _ = ask(.pause) }
}
