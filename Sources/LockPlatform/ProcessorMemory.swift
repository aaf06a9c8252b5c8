import Synchronization

/// Memory that is accessed by the processor's own atomic instructions: what a program and a kernel share.
///
/// The width of a word is known where this is specialised, so of each switch one case is left.
public protocol ProcessorMemory: AtomicMemory {}

extension ProcessorMemory {
  /// A plain load.
  @inlinable @inline(__always)
  public static func load<Word>(_ at: Location<Word>, _ ordering: LoadOrdering) -> Word {
    switch (Word.bitWidth, ordering) {
    case (8, .relaxed): unsafe at.as8.pointee.load(ordering: .relaxed).bits()
    case (8, .acquiring): unsafe at.as8.pointee.load(ordering: .acquiring).bits()
    case (16, .relaxed): unsafe at.as16.pointee.load(ordering: .relaxed).bits()
    case (16, .acquiring): unsafe at.as16.pointee.load(ordering: .acquiring).bits()
    case (32, .relaxed): unsafe at.as32.pointee.load(ordering: .relaxed).bits()
    case (32, .acquiring): unsafe at.as32.pointee.load(ordering: .acquiring).bits()
    case (_, .relaxed): unsafe at.as64.pointee.load(ordering: .relaxed).bits()
    case (_, .acquiring): unsafe at.as64.pointee.load(ordering: .acquiring).bits()
    }
  }

  /// A plain store.
  @inlinable @inline(__always)
  public static func store<Word>(
    _ value: Word, to at: Location<Word>, _ ordering: StoreOrdering
  ) {
    switch (Word.bitWidth, ordering) {
    case (8, .relaxed): unsafe at.as8.pointee.store(value.bits(), ordering: .relaxed)
    case (8, .releasing): unsafe at.as8.pointee.store(value.bits(), ordering: .releasing)
    case (16, .relaxed): unsafe at.as16.pointee.store(value.bits(), ordering: .relaxed)
    case (16, .releasing): unsafe at.as16.pointee.store(value.bits(), ordering: .releasing)
    case (32, .relaxed): unsafe at.as32.pointee.store(value.bits(), ordering: .relaxed)
    case (32, .releasing): unsafe at.as32.pointee.store(value.bits(), ordering: .releasing)
    case (_, .relaxed): unsafe at.as64.pointee.store(value.bits(), ordering: .relaxed)
    case (_, .releasing): unsafe at.as64.pointee.store(value.bits(), ordering: .releasing)
    }
  }

  // Updates are full barriers on x86-64 whatever is asked for, and the compiler may move nothing across
  // them either: one version serves every ordering.

  /// One locked instruction, a full barrier.
  @inlinable @inline(__always)
  public static func exchange<Word>(
    _ value: Word, at: Location<Word>, _: UpdateOrdering
  ) -> Word {
    switch Word.bitWidth {
    case 8: unsafe at.as8.pointee.exchange(value.bits(), ordering: .sequentiallyConsistent).bits()
    case 16: unsafe at.as16.pointee.exchange(value.bits(), ordering: .sequentiallyConsistent).bits()
    case 32: unsafe at.as32.pointee.exchange(value.bits(), ordering: .sequentiallyConsistent).bits()
    default: unsafe at.as64.pointee.exchange(value.bits(), ordering: .sequentiallyConsistent).bits()
    }
  }

  /// One locked instruction, a full barrier.
  @inlinable @inline(__always)
  public static func compareExchange<Word>(
    _ at: Location<Word>, expected: Word, desired: Word, _: UpdateOrdering
  ) -> Word {
    switch Word.bitWidth {
    case 8:
      unsafe at.as8.pointee.compareExchange(
        expected: expected.bits(), desired: desired.bits(), ordering: .sequentiallyConsistent
      ).original.bits()
    case 16:
      unsafe at.as16.pointee.compareExchange(
        expected: expected.bits(), desired: desired.bits(), ordering: .sequentiallyConsistent
      ).original.bits()
    case 32:
      unsafe at.as32.pointee.compareExchange(
        expected: expected.bits(), desired: desired.bits(), ordering: .sequentiallyConsistent
      ).original.bits()
    default:
      unsafe at.as64.pointee.compareExchange(
        expected: expected.bits(), desired: desired.bits(), ordering: .sequentiallyConsistent
      ).original.bits()
    }
  }

  /// One locked instruction, or a loop of them; a full barrier.
  @inlinable @inline(__always)
  public static func fetchOr<Word>(
    _ bits: Word, at: Location<Word>, _: UpdateOrdering
  ) -> Word {
    switch Word.bitWidth {
    case 8:
      unsafe at.as8.pointee.bitwiseOr(
        bits.bits(), ordering: .sequentiallyConsistent
      ).oldValue.bits()
    case 16:
      unsafe at.as16.pointee.bitwiseOr(
        bits.bits(), ordering: .sequentiallyConsistent
      ).oldValue.bits()
    case 32:
      unsafe at.as32.pointee.bitwiseOr(
        bits.bits(), ordering: .sequentiallyConsistent
      ).oldValue.bits()
    default:
      unsafe at.as64.pointee.bitwiseOr(
        bits.bits(), ordering: .sequentiallyConsistent
      ).oldValue.bits()
    }
  }

  /// Adds to a word of 32 or 64 bits, wrapping around; one locked instruction, a full barrier.
  @inlinable @inline(__always)
  public static func add<Word>(_ value: Word, to at: Location<Word>) {
    if Word.bitWidth == 32 {
      unsafe at.as32.pointee.wrappingAdd(value.bits(), ordering: .sequentiallyConsistent)
    } else {
      precondition(Word.bitWidth == 64)
      unsafe at.as64.pointee.wrappingAdd(value.bits(), ordering: .sequentiallyConsistent)
    }
  }
}

extension MemoryWord {
  /// The same bits in a word of the same width.
  @inlinable @inline(__always)
  func bits<Same: MemoryWord>() -> Same { Same(truncatingIfNeeded: self) }
}

// The word as the standard library's atomic of its width, which has the same layout. Pointers: contract of
// `Location`.
extension Location {
  @unsafe @inlinable @inline(__always)
  var as8: UnsafeMutablePointer<Atomic<UInt8>> { unsafe pointer() }
  @unsafe @inlinable @inline(__always)
  var as16: UnsafeMutablePointer<Atomic<UInt16>> { unsafe pointer() }
  @unsafe @inlinable @inline(__always)
  var as32: UnsafeMutablePointer<Atomic<UInt32>> { unsafe pointer() }
  @unsafe @inlinable @inline(__always)
  var as64: UnsafeMutablePointer<Atomic<UInt64>> { unsafe pointer() }

  @unsafe @inlinable @inline(__always)
  func pointer<Value>() -> UnsafeMutablePointer<Atomic<Value>> {
    unsafe UnsafeMutablePointer(bitPattern: address).unsafelyUnwrapped
  }
}
