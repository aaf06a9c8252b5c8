/// The number of a CPU in the guest, of a thread in a program: 0 ..< 16383.
@frozen public struct CPUNumber: Equatable, Sendable {
  /// The number itself.
  public let rawValue: UInt32

  /// Names a CPU by its number.
  @inlinable @inline(__always)
  public init(_ rawValue: UInt32) {
    self.rawValue = rawValue
  }

  /// How many CPUs the tail of a lock word can name: 14 bits, one value of which means nobody.
  public static var limit: UInt32 { @inlinable get { 16383 } }
}

/// What a lock's slow paths count, for statistics.
@frozen public enum LockEvent: UInt8, Sendable {
  /// A slow path was entered.
  case slowPath = 0
  /// A lock was taken before queueing, ahead of any paravirtual queue.
  case steal = 1
  /// A CPU joined a queue.
  case queued = 2
  /// A CPU gave itself away until kicked.
  case halt = 3
  /// An unlock woke the head of a queue.
  case kick = 4
  /// No queue node was left (more than four nested contexts, or a CPU without a number).
  case noNode = 5
  /// A gate was met.
  case gate = 6
  /// An unlock of a lock that nobody held.
  case unbalancedUnlock = 7
}

/// What the locks ask of a machine.
public protocol LockMachine: AtomicMemory {
  /// The number of the CPU this runs on, fixed until the slow path is left; nil when it has none,
  /// and then the slow path takes its lock without queueing.
  static var currentCPU: CPUNumber? { get }

  /// Memory of one CPU for its queue nodes: `PerCPUArea.size` bytes (floor 1), aligned to 64, zero
  /// before its first use. Never unmapped and never used for anything else, whatever becomes of the
  /// CPU: a late kick may still touch it.
  static func queueArea(of cpu: CPUNumber) -> UInt

  /// The hash from locks to sleeping heads: `entries` entries of 16 bytes, a power of two and at
  /// least twice as many as there are CPUs times four, zero before first use, aligned to 64.
  static var lockHash: (address: UInt, entries: UInt) { get }

  /// Gives the CPU away while the word holds `value`, until kicked. May return spuriously. Returns at
  /// once if the word, read after the call began, holds something else.
  static func wait(on word: Location<UInt32>, while value: UInt32)

  /// Wakes the CPU that waits on the word, if one does. The word may be in use for something else by
  /// now: a late kick must only be a needless wake-up.
  static func kick(_ word: Location<UInt32>)

  /// Whether that CPU is probably not running. Advice: false when nothing is known.
  static func isPreempted(_ cpu: CPUNumber) -> Bool

  /// A cheap clock, in a unit of its own, that never goes back on one CPU.
  static var ticks: UInt64 { get }

  /// How long a CPU that had its turn in a paravirtual queue may take locks ahead of it: about a
  /// millisecond, in ticks.
  static var turn: UInt64 { get }

  /// The pause budget of a bounded wait, given the usual one. The model checker makes it one, because
  /// a wait that looks late once can see everything that a wait that looks often can see.
  static func bound(_ pauses: UInt32) -> UInt32

  /// Counts an event on the current CPU. Approximate: an interrupt may swallow a count.
  static func count(_ event: LockEvent)
}

extension LockMachine {
  /// The usual budget.
  @inlinable @inline(__always)
  public static func bound(_ pauses: UInt32) -> UInt32 { pauses }
}
