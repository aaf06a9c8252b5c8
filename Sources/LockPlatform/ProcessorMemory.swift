import Synchronization

/// Memory that is accessed by the processor's own atomic instructions: what a program and a kernel share.
///
/// The width of a word is known where this is specialised, so of each switch one case is left.
public protocol ProcessorMemory: AtomicMemory {}

// All pointers: contract of `Location`.
extension ProcessorMemory {
  /// A plain load.
  @inlinable @inline(__always)
  public static func load<Word>(_ location: Location<Word>, _ ordering: LoadOrdering) -> Word {
    switch (Word.bitWidth, ordering) {
    case (8, .relaxed):
      Word(truncatingIfNeeded: unsafe atomic(location, UInt8.self).pointee.load(ordering: .relaxed))
    case (8, .acquiring):
      Word(
        truncatingIfNeeded: unsafe atomic(location, UInt8.self).pointee.load(ordering: .acquiring))
    case (16, .relaxed):
      Word(
        truncatingIfNeeded: unsafe atomic(location, UInt16.self).pointee.load(ordering: .relaxed))
    case (16, .acquiring):
      Word(
        truncatingIfNeeded: unsafe atomic(location, UInt16.self).pointee.load(ordering: .acquiring))
    case (32, .relaxed):
      Word(
        truncatingIfNeeded: unsafe atomic(location, UInt32.self).pointee.load(ordering: .relaxed))
    case (32, .acquiring):
      Word(
        truncatingIfNeeded: unsafe atomic(location, UInt32.self).pointee.load(ordering: .acquiring))
    case (_, .relaxed):
      Word(
        truncatingIfNeeded: unsafe atomic(location, UInt64.self).pointee.load(ordering: .relaxed))
    case (_, .acquiring):
      Word(
        truncatingIfNeeded: unsafe atomic(location, UInt64.self).pointee.load(ordering: .acquiring))
    }
  }

  /// A plain store.
  @inlinable @inline(__always)
  public static func store<Word>(
    _ value: Word, to location: Location<Word>, _ ordering: StoreOrdering
  ) {
    switch (Word.bitWidth, ordering) {
    case (8, .relaxed):
      unsafe atomic(location, UInt8.self).pointee.store(
        UInt8(truncatingIfNeeded: value), ordering: .relaxed)
    case (8, .releasing):
      unsafe atomic(location, UInt8.self).pointee.store(
        UInt8(truncatingIfNeeded: value), ordering: .releasing)
    case (16, .relaxed):
      unsafe atomic(location, UInt16.self).pointee.store(
        UInt16(truncatingIfNeeded: value), ordering: .relaxed)
    case (16, .releasing):
      unsafe atomic(location, UInt16.self).pointee.store(
        UInt16(truncatingIfNeeded: value), ordering: .releasing)
    case (32, .relaxed):
      unsafe atomic(location, UInt32.self).pointee.store(
        UInt32(truncatingIfNeeded: value), ordering: .relaxed)
    case (32, .releasing):
      unsafe atomic(location, UInt32.self).pointee.store(
        UInt32(truncatingIfNeeded: value), ordering: .releasing)
    case (_, .relaxed):
      unsafe atomic(location, UInt64.self).pointee.store(
        UInt64(truncatingIfNeeded: value), ordering: .relaxed)
    case (_, .releasing):
      unsafe atomic(location, UInt64.self).pointee.store(
        UInt64(truncatingIfNeeded: value), ordering: .releasing)
    }
  }

  // Updates are full barriers on x86-64 whatever is asked for, and the compiler may move nothing across
  // them either: one version serves every ordering.

  /// One locked instruction, a full barrier.
  @inlinable @inline(__always)
  public static func exchange<Word>(
    _ value: Word, at location: Location<Word>, _: UpdateOrdering
  ) -> Word {
    switch Word.bitWidth {
    case 8:
      Word(
        truncatingIfNeeded: unsafe atomic(location, UInt8.self).pointee.exchange(
          UInt8(truncatingIfNeeded: value), ordering: .sequentiallyConsistent))
    case 16:
      Word(
        truncatingIfNeeded: unsafe atomic(location, UInt16.self).pointee.exchange(
          UInt16(truncatingIfNeeded: value), ordering: .sequentiallyConsistent))
    case 32:
      Word(
        truncatingIfNeeded: unsafe atomic(location, UInt32.self).pointee.exchange(
          UInt32(truncatingIfNeeded: value), ordering: .sequentiallyConsistent))
    default:
      Word(
        truncatingIfNeeded: unsafe atomic(location, UInt64.self).pointee.exchange(
          UInt64(truncatingIfNeeded: value), ordering: .sequentiallyConsistent))
    }
  }

  /// One locked instruction, a full barrier.
  @inlinable @inline(__always)
  public static func compareExchange<Word>(
    _ location: Location<Word>, expected: Word, desired: Word, _: UpdateOrdering
  ) -> Word {
    switch Word.bitWidth {
    case 8:
      Word(
        truncatingIfNeeded: unsafe atomic(location, UInt8.self).pointee.compareExchange(
          expected: UInt8(truncatingIfNeeded: expected),
          desired: UInt8(truncatingIfNeeded: desired),
          successOrdering: .sequentiallyConsistent, failureOrdering: .relaxed
        ).original)
    case 16:
      Word(
        truncatingIfNeeded: unsafe atomic(location, UInt16.self).pointee.compareExchange(
          expected: UInt16(truncatingIfNeeded: expected),
          desired: UInt16(truncatingIfNeeded: desired),
          successOrdering: .sequentiallyConsistent, failureOrdering: .relaxed
        ).original)
    case 32:
      Word(
        truncatingIfNeeded: unsafe atomic(location, UInt32.self).pointee.compareExchange(
          expected: UInt32(truncatingIfNeeded: expected),
          desired: UInt32(truncatingIfNeeded: desired),
          successOrdering: .sequentiallyConsistent, failureOrdering: .relaxed
        ).original)
    default:
      Word(
        truncatingIfNeeded: unsafe atomic(location, UInt64.self).pointee.compareExchange(
          expected: UInt64(truncatingIfNeeded: expected),
          desired: UInt64(truncatingIfNeeded: desired),
          successOrdering: .sequentiallyConsistent, failureOrdering: .relaxed
        ).original)
    }
  }

  /// One locked instruction, or a loop of them; a full barrier.
  @inlinable @inline(__always)
  public static func fetchOr<Word>(
    _ bits: Word, at location: Location<Word>, _: UpdateOrdering
  ) -> Word {
    switch Word.bitWidth {
    case 8:
      Word(
        truncatingIfNeeded: unsafe atomic(location, UInt8.self).pointee.bitwiseOr(
          UInt8(truncatingIfNeeded: bits), ordering: .sequentiallyConsistent
        ).oldValue)
    case 16:
      Word(
        truncatingIfNeeded: unsafe atomic(location, UInt16.self).pointee.bitwiseOr(
          UInt16(truncatingIfNeeded: bits), ordering: .sequentiallyConsistent
        ).oldValue)
    case 32:
      Word(
        truncatingIfNeeded: unsafe atomic(location, UInt32.self).pointee.bitwiseOr(
          UInt32(truncatingIfNeeded: bits), ordering: .sequentiallyConsistent
        ).oldValue)
    default:
      Word(
        truncatingIfNeeded: unsafe atomic(location, UInt64.self).pointee.bitwiseOr(
          UInt64(truncatingIfNeeded: bits), ordering: .sequentiallyConsistent
        ).oldValue)
    }
  }

  /// Adds to a word, wrapping around; one locked instruction, a full barrier.
  @inlinable @inline(__always)
  public static func add<Word>(_ value: Word, to location: Location<Word>) {
    if Word.bitWidth == 32 {
      unsafe atomic(location, UInt32.self).pointee.wrappingAdd(
        UInt32(truncatingIfNeeded: value), ordering: .sequentiallyConsistent)
    } else {
      precondition(Word.bitWidth == 64)
      unsafe atomic(location, UInt64.self).pointee.wrappingAdd(
        UInt64(truncatingIfNeeded: value), ordering: .sequentiallyConsistent)
    }
  }

  /// The word as the standard library's atomic of that width, which has the same layout.
  @unsafe @inlinable @inline(__always)
  static func atomic<Word, Value>(
    _ location: Location<Word>, _: Value.Type
  ) -> UnsafeMutablePointer<Atomic<Value>> {
    unsafe UnsafeMutablePointer(bitPattern: location.address).unsafelyUnwrapped
  }
}
