import LockPlatform
import LockSwitching
import ModelChecker
import QueuedSpinlocks

/// What the protocol promises, kept again by the model: a lock that was taken by a slow path while
/// references are kept until the unlock is held by nobody when the set changes.
enum ModelReferences {
  @inline(never)
  static func note(_ lock: UInt) {
    let cpu = Simulated.cpu
    let generation = unsafe Location<UInt32>(address: ModelMemory.references(cpu))
    let counting = Simulated.load(ModelMemory.counting, .relaxed)
    guard counting & 3 == 3, Simulated.load(generation, .relaxed) == counting else { return }
    let kept =
      Simulated.load(ModelMemory.kept(cpu), .relaxed) | 1 << UInt64(ModelMemory.lockIndex(lock))
    Simulated.store(kept, to: ModelMemory.kept(cpu), .relaxed)
  }

  /// An unlock begins.
  static func forget(_ lock: UInt) {
    let cpu = Simulated.cpu
    let kept =
      Simulated.load(ModelMemory.kept(cpu), .relaxed) & ~(1 << UInt64(ModelMemory.lockIndex(lock)))
    Simulated.store(kept, to: ModelMemory.kept(cpu), .relaxed)
  }

  static func forgetAll() {
    guard ModelSettings.current.checksReferences else { return }
    for cpu in 0..<ModelSettings.current.cpus {
      Simulated.store(0, to: ModelMemory.kept(cpu), .relaxed)
    }
  }

  static func checkNone() {
    for cpu in 0..<ModelSettings.current.cpus {
      Simulated.expect(
        Simulated.load(ModelMemory.kept(cpu), .relaxed) == 0,
        "the set changes while a lock is held that the old slow path took")
    }
  }
}

extension ModelTarget {
  static func beginBarrier() {
    guard ModelSettings.current.isKernel else { return }
    let last = ModelMachine.load(ModelMemory.barrier, .relaxed)
    if last > 0, ModelSettings.current.mutation == .barrierPassedOnce { return }
    ModelMachine.store(last &+ 1, to: ModelMemory.barrier, .releasing)
  }

  static func isBarrierPassed() -> Bool {
    if !ModelSettings.current.isKernel || ModelSettings.current.mutation == .barrierNotAwaited {
      return true
    }
    let barrier = ModelMachine.load(ModelMemory.barrier, .relaxed)
    for cpu in 0..<ModelSettings.current.cpus &- 1
    where ModelMachine.load(ModelMemory.passed(cpu), .acquiring) != barrier { return false }
    return true
  }

  static func setCounted(_ isCounted: Bool) {
    ModelMachine.store(isCounted ? 1 : 0, to: ModelMemory.isCounted, .relaxed)
    // What was to be counted in a switch that was undone is not in the next.
    if isCounted { ModelReferences.forgetAll() }
  }

  /// Where a CPU of a kernel passes the barrier: between two operations, holding nothing.
  static func mayPassBarrier() {
    let cpu = Simulated.cpu
    let barrier = ModelMachine.load(ModelMemory.barrier, .acquiring)
    guard ModelMachine.load(ModelMemory.passed(cpu), .relaxed) != barrier else { return }
    References<ModelMachine>.pass()
    // An atomic decrement in the kernel: a full barrier.
    _ = ModelMachine.exchange(barrier, at: ModelMemory.passed(cpu), .acquiringAndReleasing)
  }
}
