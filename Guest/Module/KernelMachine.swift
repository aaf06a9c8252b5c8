import KernelServices
import LockPlatform
import LockSwitching
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

extension KernelMachine: SwitchMachine {
  typealias Code = KernelCode

  static var slowPath: Location<UInt32> { SharedWords.slowPath }

  /// Slow paths and the handler of breakpoints run with preemption off.
  static var mark: Location<UInt32>? { KernelCPU.current.mark }

  static func mark(of cpu: UInt32) -> Location<UInt32> { KernelCPU(cpu).mark }

  static var cpuEnd: UInt32 { cpuNumbersEnd() }

  static var counting: Location<UInt32> { SharedWords.counting }

  static var references: UInt? { KernelCPU.current.references }

  static func references(of cpu: UInt32) -> UInt { KernelCPU(cpu).references }

  /// Keeps a reference, if `barrier` is under way.
  static func acquired(_ lock: UInt) { References<KernelMachine>.keep(lock) }

  /// With preemption off there is nobody to give the CPU to.
  static func yield(_: UInt32) { KernelServices.relax() }

  static var nanoseconds: UInt64 { nanosecondsNow() }

  static func noteStall(_ nanoseconds: UInt64) { SwitchMeasurements.stalled(nanoseconds) }
}
