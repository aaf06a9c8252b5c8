import LockPlatform
import LockSwitching
import QueuedSpinlocks
import UserSpaceShims

extension UserSpace: ReferenceMachine {
  /// In the core's state.
  public static var counting: Location<UInt32> {
    // A word of the core's state, which lives as long as the process.
    unsafe Location(address: tidelock_state_counting())
  }

  /// In this thread's record.
  public static var references: UInt? { ThreadRecord.current?.references }

  /// One more than the highest number ever given out.
  public static var cpuEnd: UInt32 { load(ThreadRecord.end, .acquiring) }

  /// In that thread's record.
  public static func mark(of cpu: UInt32) -> Location<UInt32> { ThreadRecord(CPUNumber(cpu)).mark }

  /// In that thread's record.
  public static func references(of cpu: UInt32) -> UInt { ThreadRecord(CPUNumber(cpu)).references }

  /// Keeps a reference, if `barrier` is under way.
  @inline(__always)
  public static func hasTaken(_ lock: LockWord) {
    References<UserSpace>.keep(lock.whole.address)
  }
}

/// A thread passes the barrier where it is in no lock operation.
extension ProgramSwitching: BarrierTarget {
  typealias Machine = UserSpace

  static func fenceEveryCPU() throws(SwitchFailure) {
    guard tidelock_barrier() == 0 else { throw .patch(.notSerializable) }
  }

  static func setCounted(_ isCounted: Bool) {
    // Relaxed: before the first breakpoint is written; and see `Breakpoints.unlock`.
    UserSpace.store(isCounted ? 1 : 0, to: Breakpoints.areCounted, .relaxed)
  }
}
