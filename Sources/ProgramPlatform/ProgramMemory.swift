import LockPlatform
import MachineAtomics

/// A Linux program as a machine whose CPUs are threads.
///
/// It has no instances: the process is the machine, and its state is `tidelock_state`.
public enum ProgramMachine {}

// The width of a word is known where this is specialised, so of each switch one case is left.
extension ProgramMachine: AtomicMemory {
  /// An atomic load.
  @inline(__always)
  public static func load<Word>(_ location: Location<Word>, _ ordering: LoadOrdering) -> Word {
    let address = location.address
    return switch (ordering, Word.bitWidth) {
    case (.relaxed, 8): Word(truncatingIfNeeded: tidelock_load8(address))
    case (.relaxed, 16): Word(truncatingIfNeeded: tidelock_load16(address))
    case (.relaxed, 32): Word(truncatingIfNeeded: tidelock_load32(address))
    case (.relaxed, _): Word(truncatingIfNeeded: tidelock_load64(address))
    case (.acquiring, 8): Word(truncatingIfNeeded: tidelock_load_acquire8(address))
    case (.acquiring, 16): Word(truncatingIfNeeded: tidelock_load_acquire16(address))
    case (.acquiring, 32): Word(truncatingIfNeeded: tidelock_load_acquire32(address))
    case (.acquiring, _): Word(truncatingIfNeeded: tidelock_load_acquire64(address))
    }
  }

  /// An atomic store.
  @inline(__always)
  public static func store<Word>(
    _ value: Word, to location: Location<Word>, _ ordering: StoreOrdering
  ) {
    let address = location.address
    switch (ordering, Word.bitWidth) {
    case (.relaxed, 8): tidelock_store8(address, UInt8(truncatingIfNeeded: value))
    case (.relaxed, 16): tidelock_store16(address, UInt16(truncatingIfNeeded: value))
    case (.relaxed, 32): tidelock_store32(address, UInt32(truncatingIfNeeded: value))
    case (.relaxed, _): tidelock_store64(address, UInt64(truncatingIfNeeded: value))
    case (.releasing, 8): tidelock_store_release8(address, UInt8(truncatingIfNeeded: value))
    case (.releasing, 16): tidelock_store_release16(address, UInt16(truncatingIfNeeded: value))
    case (.releasing, 32): tidelock_store_release32(address, UInt32(truncatingIfNeeded: value))
    case (.releasing, _): tidelock_store_release64(address, UInt64(truncatingIfNeeded: value))
    }
  }

  /// One locked instruction, a full barrier.
  @inline(__always)
  public static func exchange<Word>(
    _ value: Word, at location: Location<Word>, _: UpdateOrdering
  ) -> Word {
    let address = location.address
    let bits = UInt64(truncatingIfNeeded: value)
    return switch Word.bitWidth {
    case 8: Word(truncatingIfNeeded: tidelock_exchange8(address, UInt8(truncatingIfNeeded: bits)))
    case 16:
      Word(truncatingIfNeeded: tidelock_exchange16(address, UInt16(truncatingIfNeeded: bits)))
    case 32:
      Word(truncatingIfNeeded: tidelock_exchange32(address, UInt32(truncatingIfNeeded: bits)))
    default: Word(truncatingIfNeeded: tidelock_exchange64(address, bits))
    }
  }

  /// One locked instruction, a full barrier.
  @inline(__always)
  public static func compareExchange<Word>(
    _ location: Location<Word>, expected: Word, desired: Word, _: UpdateOrdering
  ) -> Word {
    let address = location.address
    let old = UInt64(truncatingIfNeeded: expected)
    let new = UInt64(truncatingIfNeeded: desired)
    return switch Word.bitWidth {
    case 8:
      Word(
        truncatingIfNeeded: tidelock_compare_exchange8(
          address, UInt8(truncatingIfNeeded: old), UInt8(truncatingIfNeeded: new)))
    case 16:
      Word(
        truncatingIfNeeded: tidelock_compare_exchange16(
          address, UInt16(truncatingIfNeeded: old), UInt16(truncatingIfNeeded: new)))
    case 32:
      Word(
        truncatingIfNeeded: tidelock_compare_exchange32(
          address, UInt32(truncatingIfNeeded: old), UInt32(truncatingIfNeeded: new)))
    default: Word(truncatingIfNeeded: tidelock_compare_exchange64(address, old, new))
    }
  }

  /// One locked instruction, or a loop of them; a full barrier.
  @inline(__always)
  public static func fetchOr<Word>(
    _ bits: Word, at location: Location<Word>, _: UpdateOrdering
  ) -> Word {
    let address = location.address
    let mask = UInt64(truncatingIfNeeded: bits)
    return switch Word.bitWidth {
    case 8: Word(truncatingIfNeeded: tidelock_fetch_or8(address, UInt8(truncatingIfNeeded: mask)))
    case 16:
      Word(truncatingIfNeeded: tidelock_fetch_or16(address, UInt16(truncatingIfNeeded: mask)))
    case 32:
      Word(truncatingIfNeeded: tidelock_fetch_or32(address, UInt32(truncatingIfNeeded: mask)))
    default: Word(truncatingIfNeeded: tidelock_fetch_or64(address, mask))
    }
  }

  /// No instruction.
  @inline(__always)
  public static func compilerBarrier() {
    tidelock_compiler_barrier()
  }

  /// Pauses.
  ///
  /// While a slow path drains, a waiter in it also gives its processor away now and then: the one
  /// whose turn it is may be waiting for just that processor. In a long wait it sleeps now and then.
  @inline(__always)
  public static func pause(_ attempt: UInt32) {
    tidelock_pause()
    if attempt & 127 == 127 { rest(attempt) }
  }

  @inline(never)
  private static func rest(_ attempt: UInt32) {
    if attempt >= LongWait.pauses {
      LongWait.sleep((attempt &- LongWait.pauses) >> 7)
    } else if entered(.relaxed) == .gate {
      yield(attempt >> 7)
    }
  }
}
