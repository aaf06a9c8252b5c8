import KernelServices
import LockPlatform
import Synchronization

/// The running kernel as a machine whose CPUs share memory.
enum KernelMachine {}

// The width of a word is known where this is specialised, so of each switch one case is left: 32 or
// 64 bits, others are not used here. All pointers: contract of `Location`.
extension KernelMachine: AtomicMemory {
  @inline(__always)
  static func load<Word>(_ location: Location<Word>, _ ordering: LoadOrdering) -> Word {
    switch (Word.bitWidth, ordering) {
    case (32, .relaxed):
      Word(truncatingIfNeeded: unsafe word32(location).pointee.load(ordering: .relaxed))
    case (32, .acquiring):
      Word(truncatingIfNeeded: unsafe word32(location).pointee.load(ordering: .acquiring))
    case (_, .relaxed):
      Word(truncatingIfNeeded: unsafe word64(location).pointee.load(ordering: .relaxed))
    case (_, .acquiring):
      Word(truncatingIfNeeded: unsafe word64(location).pointee.load(ordering: .acquiring))
    }
  }

  @inline(__always)
  static func store<Word>(
    _ value: Word, to location: Location<Word>, _ ordering: StoreOrdering
  ) {
    let (narrow, wide) = (UInt32(truncatingIfNeeded: value), UInt64(truncatingIfNeeded: value))
    switch (Word.bitWidth, ordering) {
    case (32, .relaxed): unsafe word32(location).pointee.store(narrow, ordering: .relaxed)
    case (32, .releasing): unsafe word32(location).pointee.store(narrow, ordering: .releasing)
    case (_, .relaxed): unsafe word64(location).pointee.store(wide, ordering: .relaxed)
    case (_, .releasing): unsafe word64(location).pointee.store(wide, ordering: .releasing)
    }
  }

  @inline(__always)
  static func exchange<Word>(
    _ value: Word, at location: Location<Word>, _: UpdateOrdering
  ) -> Word {
    Word.bitWidth == 32
      ? Word(
        truncatingIfNeeded: unsafe word32(location).pointee.exchange(
          UInt32(truncatingIfNeeded: value), ordering: .sequentiallyConsistent))
      : Word(
        truncatingIfNeeded: unsafe word64(location).pointee.exchange(
          UInt64(truncatingIfNeeded: value), ordering: .sequentiallyConsistent))
  }

  @inline(__always)
  static func compareExchange<Word>(
    _ location: Location<Word>, expected: Word, desired: Word, _: UpdateOrdering
  ) -> Word {
    Word.bitWidth == 32
      ? Word(
        truncatingIfNeeded: unsafe word32(location).pointee.compareExchange(
          expected: UInt32(truncatingIfNeeded: expected),
          desired: UInt32(truncatingIfNeeded: desired), ordering: .sequentiallyConsistent
        ).original)
      : Word(
        truncatingIfNeeded: unsafe word64(location).pointee.compareExchange(
          expected: UInt64(truncatingIfNeeded: expected),
          desired: UInt64(truncatingIfNeeded: desired), ordering: .sequentiallyConsistent
        ).original)
  }

  @inline(__always)
  static func fetchOr<Word>(_ bits: Word, at location: Location<Word>, _: UpdateOrdering) -> Word {
    Word.bitWidth == 32
      ? Word(
        truncatingIfNeeded: unsafe word32(location).pointee.bitwiseOr(
          UInt32(truncatingIfNeeded: bits), ordering: .sequentiallyConsistent
        ).oldValue)
      : Word(
        truncatingIfNeeded: unsafe word64(location).pointee.bitwiseOr(
          UInt64(truncatingIfNeeded: bits), ordering: .sequentiallyConsistent
        ).oldValue)
  }

  /// No instruction.
  static func compilerBarrier() { KernelServices.compilerBarrier() }

  static func pause(_: UInt32) { KernelServices.relax() }

  @inline(__always)
  private static func word32<Word>(
    _ location: Location<Word>
  ) -> UnsafeMutablePointer<Atomic<UInt32>> {
    unsafe UnsafeMutablePointer(bitPattern: location.address).unsafelyUnwrapped
  }

  @inline(__always)
  private static func word64<Word>(
    _ location: Location<Word>
  ) -> UnsafeMutablePointer<Atomic<UInt64>> {
    precondition(Word.bitWidth == 64)
    return unsafe UnsafeMutablePointer(bitPattern: location.address).unsafelyUnwrapped
  }
}

/// Words that all CPUs share, in memory of gather.c's.
enum SharedWords {
  /// `LockStepArea.size` bytes, aligned to 64.
  static var lockStep: UInt { sharedWords() }
  static var slowPath: Location<UInt32> { unsafe Location(address: sharedWords() &+ 64) }
  static var counting: Location<UInt32> { unsafe Location(address: sharedWords() &+ 72) }
  /// A CPU that was waited for.
  static var straggler: Location<UInt32> { unsafe Location(address: sharedWords() &+ 80) }
}

/// Memory of one CPU: 256 bytes, aligned to 64, zero when the module is loaded.
///
///     0 references   64 acknowledgement   72 state of the gathering it follows, 0: none
///     80 mark   88 longest hold   96, 128, 160 counts of breakpoints, four each
struct KernelCPU {
  private let address: UInt

  /// The one that runs; preemption is off.
  static var current: KernelCPU { KernelCPU(address: ownArea()) }

  private init(address: UInt) {
    self.address = address
  }

  init(_ number: UInt32) {
    address = area(of: number)
  }

  // Contract of all places: offsets in the area, which stays while the module does.
  var references: UInt { address }
  var acknowledgement: Location<UInt64> { unsafe Location(address: address &+ 64) }
  var following: Location<UInt64> { unsafe Location(address: address &+ 72) }
  var mark: Location<UInt32> { unsafe Location(address: address &+ 80) }
  var longestHold: Location<UInt64> { unsafe Location(address: address &+ 88) }

  /// How many breakpoints of a kind were met in a context.
  func met(_ kind: Met, in context: Int) -> Location<UInt64> {
    unsafe Location(address: address &+ 96 &+ kind.rawValue &* 32 &+ UInt(context) &* 8)
  }

  /// Counts a breakpoint.
  ///
  /// Relaxed, and not one step: only this CPU writes it, in this context.
  func count(_ kind: Met, in context: Int) {
    let place = met(kind, in: context)
    KernelMachine.store(KernelMachine.load(place, .relaxed) &+ 1, to: place, .relaxed)
  }
}

/// What is counted of the breakpoints that CPUs meet at sites.
enum Met: UInt {
  /// All of them.
  case breakpoint = 0
  /// Those whose CPU joined a lock-step.
  case joined = 1
  /// Those that ended a critical section: a lock taken before the breakpoint was met, or while it
  /// stood, and released at it.
  case released = 2
}
