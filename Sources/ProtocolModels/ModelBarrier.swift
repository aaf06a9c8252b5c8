import LockPlatform
import LockSwitching
import ModelChecker
import QueuedSpinlocks

extension ModelMachine: ReferenceMachine {
  static var counting: Location<UInt32> { Place.counting }

  static var references: UInt? { Place.references(Simulated.cpu) }

  static var cpuEnd: UInt32 { Setting.current.cpus }

  static func mark(of cpu: UInt32) -> Location<UInt32> {
    Setting.current.mutation == .marksNotCounted ? Place.zero : Place.mark(cpu)
  }

  static func references(of cpu: UInt32) -> UInt {
    Place.references(
      Setting.current.mutation == .referencesNotCounted ? UInt32(Place.maximumCPUs) : cpu)
  }

  /// Keeps a reference, while `barrier` is under way.
  @inline(__always)
  static func hasTaken(_ lock: LockWord) {
    if Setting.current.switchProtocol == .barrier { References<Self>.keep(lock.whole.address) }
    if Setting.current.checksReferences { ModelReferences.note(lock.whole.address) }
  }
}

/// What the protocol promises, kept again by the model: a lock that was taken by a slow path while
/// references are kept until the unlock is held by nobody when the set changes.
enum ModelReferences {
  @inline(never)
  static func note(_ lock: UInt) {
    let cpu = Simulated.cpu
    let generation = unsafe Location<UInt32>(address: Place.references(cpu))
    let counting = Simulated.load(Place.counting, .relaxed)
    guard counting & 3 == 3, Simulated.load(generation, .relaxed) == counting else { return }
    let kept = Simulated.load(Place.kept(cpu), .relaxed) | 1 << UInt64(Place.lockIndex(lock))
    Simulated.store(kept, to: Place.kept(cpu), .relaxed)
  }

  /// An unlock begins.
  static func forget(_ lock: UInt) {
    let cpu = Simulated.cpu
    let kept = Simulated.load(Place.kept(cpu), .relaxed) & ~(1 << UInt64(Place.lockIndex(lock)))
    Simulated.store(kept, to: Place.kept(cpu), .relaxed)
  }

  static func checkNone() {
    for cpu in 0..<Setting.current.cpus {
      Simulated.expect(
        Simulated.load(Place.kept(cpu), .relaxed) == 0,
        "the set changes while a lock is held that the old slow path took")
    }
  }
}

extension ModelSwitching: BarrierTarget {
  static func beginBarrier() {
    if Setting.current.isKernel { ModelMachine.store(1, to: Place.barrier, .releasing) }
  }

  static func isBarrierPassed() -> Bool {
    if !Setting.current.isKernel || Setting.current.mutation == .barrierNotAwaited { return true }
    for cpu in 0..<Setting.current.cpus &- 1
    where ModelMachine.load(Place.passed(cpu), .acquiring) == 0 { return false }
    return true
  }

  static func fenceEveryCPU() throws(SwitchFailure) {
    if Setting.current.mutation != .noBarrierBeforeDrain { ModelCode.barrierOnAll() }
  }

  static func setCounted(_ isCounted: Bool) {
    ModelMachine.store(isCounted ? 1 : 0, to: Place.isCounted, .relaxed)
  }

  /// Where a CPU of a kernel passes the barrier: between two operations, holding nothing.
  static func mayPassBarrier() {
    let cpu = Simulated.cpu
    guard ModelMachine.load(Place.barrier, .acquiring) != 0,
      ModelMachine.load(Place.passed(cpu), .relaxed) == 0
    else { return }
    References<ModelMachine>.pass()
    // An atomic decrement in the kernel: a full barrier.
    _ = ModelMachine.exchange(1, at: Place.passed(cpu), .acquiringAndReleasing)
  }
}
