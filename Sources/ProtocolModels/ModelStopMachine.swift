import CodePatching
import LockPlatform
import LockSwitching
import ModelChecker

extension ModelMachine {
  static var lockStepArea: UInt { ModelMemory.lockStep }

  static var gathered: GatheredCPU? {
    let cpu = Simulated.cpu
    let state = load(ModelMemory.following(cpu), .relaxed)
    return state == 0
      ? nil : GatheredCPU(acknowledgement: ModelMemory.acknowledgement(cpu), state: state)
  }

  static var isLeader: Bool { isSwitcher && load(ModelMemory.leading, .relaxed) != 0 }

  static var isSwitcher: Bool { Simulated.cpu &+ 1 == ModelSettings.current.cpus }

  static func haveAcknowledged(_ state: UInt64) -> Bool {
    if ModelSettings.current.mutation == .leaderDoesNotWait,
      load(ModelMemory.leading, .relaxed) == 2
    {
      return true
    }
    if ModelSettings.current.mutation == .handlerFinishesAtOnce,
      Simulated.load(ModelMemory.finishing, .relaxed) != 0
    {
      Simulated.store(0, to: ModelMemory.finishing, .relaxed)
      return true
    }
    for cpu in 0..<ModelSettings.current.cpus &- 1
    where load(ModelMemory.acknowledgement(cpu), .acquiring) != state { return false }
    return true
  }

  static var straggler: Int32 { 0 }

  static func serializeThisCore() {
    if ModelSettings.current.mutation == .followerDoesNotSerialize, !isSwitcher { return }
    CodeWord.serializeAll(Simulated.cpu)
  }

  /// Whoever waits may see the time pass.
  static func relax(_: UInt32) {
    ModelFailures.letTimePass()
    Simulated.pause(0)
  }
}

/// NMIs in models of the lock-step.
///
/// They come to CPUs that are held where those are held with NMIs open, and to those that are not
/// where they are held inside one: elsewhere they meet what the models of other groups have.
enum ModelNMIs {
  static func areMasked(_ areMasked: Bool) {
    Simulated.maskInterrupts(areMasked)
  }

  /// Of CPUs that are not gathered.
  static func begin() {
    if ModelSettings.current.switchProtocol == .stopMachine {
      areMasked(ModelSettings.current.options.stopMode == .task)
    }
  }
}

/// How CPUs come to the lock-step and leave it: the model's own, as each platform has its own.
///
/// In a program a signal brings a thread there from anywhere; one that is inside a slow path is not
/// held. In a kernel stop_machine does, between two tasks' operations, interrupts off.
enum ModelGathering {
  private static var isInNMI: Bool { ModelSettings.current.options.stopMode == .nmi }

  /// Where a CPU can be gathered, if it is asked.
  static func mayJoin() {
    guard LockStep<ModelMachine>.isUnderWay else { return }
    let cpu = Simulated.cpu
    // As a handler does: the mark says whether it came over a slow path.
    if let mark = ModelMachine.mark, ModelMachine.load(mark, .relaxed) != 0 { return }
    // Odd while CPUs are stopped: this one may have ended since the look above.
    let stop =
      ModelSettings.current.isKernel ? ModelMachine.load(ModelMemory.stopped, .acquiring) : 1
    guard stop & 1 != 0 else { return }
    ModelNMIs.areMasked(isInNMI)
    ModelMachine.store(LockStep<ModelMachine>.current, to: ModelMemory.following(cpu), .relaxed)
    LockStep<ModelMachine>.follow()
    if ModelSettings.current.isKernel { awaitLeader(stop) }
    ModelMachine.store(0, to: ModelMemory.following(cpu), .relaxed)
    ModelNMIs.areMasked(!isInNMI)
  }

  /// stop_machine keeps every CPU until its function has returned on all of them.
  ///
  /// Each stop has a number, so that the next one is not taken for it.
  private static func awaitLeader(_ stop: UInt64) {
    while ModelMachine.load(ModelMemory.stopped, .acquiring) == stop { Simulated.pause(0) }
  }

  /// At the gate of a program, as the program's own.
  ///
  /// Who is held, and here in a handler over that, goes on acknowledging; the leader finishes its
  /// work and lets all go on; everybody else can be gathered here.
  static func waitsAtGate() {
    guard LockStep<ModelMachine>.isUnderWay else { return }
    let mutation = ModelSettings.current.mutation
    if mutation == .gateDoesNotLetGo, ModelMachine.isLeader { return }
    if mutation == .gateDoesNotAnswer, !ModelMachine.isLeader { return }
    if ModelMachine.isLeader {
      if ModelMachine.load(ModelMemory.leading, .relaxed) == 2 { _ = work.lead() }
      return LockStep<ModelMachine>.letGo()
    }
    if ModelMachine.isSwitcher { return }
    if ModelMachine.load(ModelMemory.following(Simulated.cpu), .relaxed) != 0 {
      return LockStep<ModelMachine>.answer()
    }
    mayJoin()
  }

  /// What the leader is at, for contexts nested over it.
  private static var work: StopMachineWork<ModelTarget> {
    let packed = Simulated.load(ModelMemory.workBatch, .relaxed)
    var batch = Batch()
    for index in LockOperation.switched.indices {
      let operation = LockOperation.switched[index]
      let value = packed >> (UInt64(operation.rawValue) &* 4) & 15
      if value & 8 != 0 { batch[operation] = Implementation(rawValue: UInt8(value & 7)) }
    }
    return StopMachineWork(
      batch, in: SwitchState(bits: Simulated.load(ModelMemory.workState, .relaxed)),
      deadline: Simulated.load(ModelMemory.workDeadline, .relaxed))
  }

  static func note(_ work: StopMachineWork<ModelTarget>) {
    var packed: UInt64 = 0
    for index in LockOperation.switched.indices {
      let operation = LockOperation.switched[index]
      guard let new = work.batch[operation] else { continue }
      packed |= (8 | UInt64(new.rawValue)) << (UInt64(operation.rawValue) &* 4)
    }
    Simulated.store(packed, to: ModelMemory.workBatch, .relaxed)
    Simulated.store(work.state.bits, to: ModelMemory.workState, .relaxed)
    Simulated.store(work.deadline, to: ModelMemory.workDeadline, .relaxed)
  }

  /// All CPUs are there when it returns; false if the time is over, or somebody nested over this one
  /// had to let all go.
  static func awaitAll(_ first: UInt64, until deadline: UInt64) -> Bool {
    var attempt: UInt32 = 0
    while !ModelMachine.haveAcknowledged(first) {
      guard LockStep<ModelMachine>.isUnderWay else { return false }
      if ModelMachine.nanoseconds >= deadline {
        LockStep<ModelMachine>.giveUp()
        return false
      }
      ModelMachine.relax(attempt)
      attempt &+= 1
    }
    return true
  }
}

extension ModelTarget {
  static var gathersOutsideSlowPaths: Bool { ModelSettings.current.isKernel }

  static func gather(
    for work: StopMachineWork<ModelTarget>, _ mode: StopMode
  ) throws(SwitchFailure) -> StopMachineOutcome {
    if ModelFailures.occurs() { throw .unsupported }
    ModelNMIs.areMasked(mode == .nmi)
    defer { ModelNMIs.areMasked(mode != .nmi) }
    ModelGathering.note(work)
    ModelMachine.store(1, to: ModelMemory.leading, .relaxed)
    defer { ModelMachine.store(0, to: ModelMemory.leading, .relaxed) }
    return ModelSettings.current.isKernel ? gatherAsKernel(work) : try gatherAsProgram(work)
  }

  private static func gatherAsProgram(
    _ work: StopMachineWork<ModelTarget>
  ) throws(SwitchFailure) -> StopMachineOutcome {
    while true {
      let first = LockStep<ModelMachine>.begin(until: work.deadline)
      if ModelGathering.awaitAll(first, until: work.deadline) { break }
      let isLate = LockStep<ModelMachine>.hasGivenUp
      LockStep<ModelMachine>.letGo()
      if isLate { throw .notGathered(thread: 0) }
      awaitAllOutside()
    }
    ModelMachine.store(2, to: ModelMemory.leading, .relaxed)
    let outcome = work.lead()
    ModelMachine.store(1, to: ModelMemory.leading, .relaxed)
    LockStep<ModelMachine>.letGo()
    return outcome
  }

  /// Before CPUs that were in a slow path are asked again.
  private static func awaitAllOutside() {
    for cpu in 0..<ModelSettings.current.cpus {
      _ = ModelMachine.spin(ModelMemory.mark(cpu), .acquiring) { $0 == 0 }
    }
  }

  private static func gatherAsKernel(
    _ work: StopMachineWork<ModelTarget>
  ) -> StopMachineOutcome {
    // Where breakpoints are emulated because the time was over, NMIs take locks at the gate.
    lead(to: .gate)
    let outcome = stopAll(work)
    switch outcome.failure {
    // Whoever asked opens the gate, if the slow path changes.
    case nil: if work.batch[.slowPath] == nil { lead(to: work.state.entered) }
    case .unsound: break
    default: lead(to: work.state.entered)
    }
    return outcome
  }

  private static func stopAll(_ work: StopMachineWork<ModelTarget>) -> StopMachineOutcome {
    // Begun before CPUs are stopped, as in the kernel: who is stopped follows this one, not the last.
    let first = LockStep<ModelMachine>.begin(until: work.deadline)
    let stop = ModelMachine.load(ModelMemory.stopped, .relaxed)
    // Releasing; pairs with the look in `mayJoin`.
    ModelMachine.store(stop &+ 1, to: ModelMemory.stopped, .releasing)
    defer {
      LockStep<ModelMachine>.letGo()
      ModelMachine.store(stop &+ 2, to: ModelMemory.stopped, .releasing)
    }
    guard ModelGathering.awaitAll(first, until: work.deadline) else {
      return StopMachineOutcome(began: 0, failure: .notGathered(thread: 0))
    }
    ModelMachine.store(2, to: ModelMemory.leading, .relaxed)
    var outcome = work.lead()
    if outcome.failure != nil {
      // Before anybody runs.
      LockStep<ModelMachine>.giveUp()
      if !work.putBack() { outcome.failure = .unsound }
    }
    return outcome
  }
}
