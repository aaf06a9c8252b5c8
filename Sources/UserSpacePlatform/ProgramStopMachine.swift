import CodePatching
import LockPlatform
import LockSwitching
import UserSpaceShims

extension UserSpace: LockStepMachine {
  /// Text of this process.
  public typealias Code = ProgramText

  /// In the core's state.
  public static var lockStepArea: UInt { tidelock_state_lock_step() }

  /// This thread's place, if it is in the handler that gathers.
  public static var gathered: GatheredCPU? {
    let place = tidelock_own_place()
    guard place != 0, !isLeader else { return nil }
    return GatheredCPU(
      acknowledgement: GatheringPlace(address: place).acknowledged,
      state: tidelock_own_gathering())
  }

  /// Whether this is the thread that switches.
  public static var isLeader: Bool {
    let place = tidelock_own_place()
    return place != 0 && place == GatheringPlace.leader.address
  }

  /// Looks at the place of every thread that was gathered; those that could not be are serialized.
  public static func haveAcknowledged(_ state: UInt64) -> Bool {
    // Relaxed: only the leader writes it.
    for index in 1..<load(GatheringPlace.end, .relaxed) {
      let place = GatheringPlace(index)
      if load(place.isExcused, .relaxed) != 0 { continue }
      guard load(place.acknowledged, .acquiring) == state else {
        store(load(place.tid, .relaxed), to: GatheringPlace.straggler, .relaxed)
        return false
      }
    }
    return unsafe !Gathering.hasExcused || ProgramText.serializeCores()
  }

  /// The last that the leader waited for.
  public static var straggler: Int32 {
    Int32(bitPattern: load(GatheringPlace.straggler, .relaxed))
  }

  /// IRET.
  public static func serializeThisCore() { tidelock_serialize_core() }

  /// A few pauses, then the processor: with more threads than processors the one that is waited for
  /// needs it.
  public static func relax(_ attempt: UInt32) {
    tidelock_pause()
    if attempt & 31 == 31 { tidelock_yield() }
  }
}

extension ProgramSwitching: StopMachineTarget {
  /// A signal comes anywhere.
  static var gathersOutsideSlowPaths: Bool { false }

  static func prepareToGather(_ mode: StopMode) throws(SwitchFailure) {
    try Gathering.prepare(blockingAll: mode == .nmi)
  }

  /// What is done while threads are gathered, for a context nested over the leader.
  nonisolated(unsafe) private static var work: StopMachineWork<ProgramSwitching>?

  static func gather(
    for work: StopMachineWork<ProgramSwitching>, _ mode: StopMode
  ) throws(SwitchFailure) -> StopMachineOutcome {
    var signals: UInt64 = 0
    // Both calls only use the variable while they run.
    if mode == .nmi { unsafe tidelock_block_signals(&signals) }
    defer { if mode == .nmi { unsafe tidelock_restore_signals(&signals) } }
    tidelock_set_own_place(GatheringPlace.leader.address)
    defer { tidelock_set_own_place(0) }
    // From here until all are let go: no allocation and no lock, who is held may have it.
    try Gathering.gather(until: work.deadline)
    unsafe Self.work = work
    let outcome = work.lead()
    unsafe Self.work = nil
    LockStep<UserSpace>.letGo()
    Gathering.awaitDeparture(until: work.deadline)
    return outcome
  }

  /// Called where a thread waits at the gate while threads are held, perhaps for a lock that one of
  /// them has.
  ///
  /// Who is gathered, and here in a handler nested over that, goes on acknowledging. The leader
  /// itself is in a slow path now: as with everybody else that ends the gathering, after what is
  /// left of the work.
  static func waitsAtGate() {
    guard tidelock_own_place() != 0 else { return Gathering.answerIfKept() }
    guard UserSpace.isLeader else { return LockStep<UserSpace>.answer() }
    if let work = unsafe work { _ = work.lead() }
    LockStep<UserSpace>.letGo()
  }
}
