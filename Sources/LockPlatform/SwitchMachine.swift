/// What switching asks of a machine: where the slow path leads, what counts each CPU, and how CPUs
/// follow a lock-step.
///
/// All of it may be called in any context, and all but `yield` and `relax` is wait-free.
public protocol SwitchMachine: AtomicMemory {
  /// How machine code is read and written.
  associatedtype Code: CodeMemory

  // MARK: Where the slow path leads

  /// Where the slow path leads, as the raw value of an `Implementation`: what a counted entry goes to,
  /// and where waiters go on from the gate.
  ///
  /// While breakpoints are counted it also says which unlock is emulated, so that one store changes
  /// the set.
  static var slowPath: Location<UInt32> { get }

  // MARK: What CPUs are counted for

  /// How many operations the current CPU is in, only ever written by that CPU; nil if it has no
  /// number and is not counted.
  static var mark: Location<UInt32>? { get }

  /// The mark of any CPU.
  static func mark(of cpu: UInt32) -> Location<UInt32>

  /// One more than the highest number of a CPU that may be counted.
  ///
  /// Acquiring; pairs with whatever raises it, which comes before the CPU's first mark.
  static var cpuEnd: UInt32 { get }

  /// Whether and how CPUs keep references to locks (`References`, floor 2). Zero before first use.
  static var counting: Location<UInt32> { get }

  /// The current CPU's memory for references: 64 bytes, aligned to 64, zero before first use; nil if
  /// it is not counted.
  static var references: UInt? { get }

  /// The references of any CPU.
  static func references(of cpu: UInt32) -> UInt

  /// Called for each lock that was acquired through a slow path, while the CPU is still counted.
  ///
  /// By default it does nothing.
  static func acquired(_ lock: UInt)

  // MARK: Waiting and time

  /// Lets another thread run for a moment: how a CPU waits at the gate. `attempt` counts from 0 in each
  /// waiting loop.
  static func yield(_ attempt: UInt32)

  /// A clock in nanoseconds, the same for all CPUs.
  static var nanoseconds: UInt64 { get }

  /// Records how long a switch stalled the current CPU.
  static func noteStall(_ nanoseconds: UInt64)

  // MARK: The lock-step

  /// Memory that the CPUs of a lock-step share: 64 bytes, aligned to 64, zero before first use.
  static var lockStepArea: UInt { get }

  /// Nil unless this CPU is gathered.
  static var gathered: GatheredCPU? { get }

  /// Whether this CPU leads the lock-step.
  static var isLeader: Bool { get }

  /// Whether every gathered CPU's acknowledgement holds this state.
  ///
  /// Acquiring; pairs with the release in `LockStep.answer`.
  static func haveAcknowledged(_ state: UInt64) -> Bool

  /// A CPU that has not acknowledged, for error messages.
  static var straggler: Int32 { get }

  /// Executes a core-serializing instruction.
  static func serializeThisCore()

  /// Waits for other CPUs of the lock-step: `attempt` counts from 0 in each waiting loop.
  static func relax(_ attempt: UInt32)
}

extension SwitchMachine {
  /// Does nothing.
  @inlinable @inline(__always)
  public static func acquired(_: UInt) {}

  /// Where the slow path leads now.
  ///
  /// A value that no `Implementation` has reads as the gate, which is sound beside every other.
  @inlinable @inline(__always)
  public static func entered(_ ordering: LoadOrdering) -> Implementation {
    Implementation(rawValue: UInt8(truncatingIfNeeded: load(slowPath, ordering))) ?? .gate
  }
}

/// A CPU that follows the leader of a lock-step.
@frozen public struct GatheredCPU: Sendable {
  /// Where it acknowledges.
  public var acknowledgement: Location<UInt64>
  /// A state of the gathering that it follows, as `LockStep.current` said.
  ///
  /// It acknowledges no other's: by then the place may belong to another CPU.
  public var state: UInt64

  /// A CPU that follows.
  @inlinable
  public init(acknowledgement: Location<UInt64>, state: UInt64) {
    self.acknowledgement = acknowledgement
    self.state = state
  }
}
