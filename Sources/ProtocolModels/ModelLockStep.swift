import CodePatching
import LockPlatform
import LockSwitching
import ModelChecker

extension ModelMachine: LockStepMachine {
  typealias Code = ModelCode

  static var lockStepArea: UInt { Place.lockStep }

  static var gathered: GatheredCPU? {
    let cpu = Simulated.cpu
    let state = load(Place.following(cpu), .relaxed)
    return state == 0
      ? nil : GatheredCPU(acknowledgement: Place.acknowledgement(cpu), state: state)
  }

  static var isLeader: Bool { isSwitcher && load(Place.leading, .relaxed) != 0 }

  static var isSwitcher: Bool { Simulated.cpu &+ 1 == Setting.current.cpus }

  static func haveAcknowledged(_ state: UInt64) -> Bool {
    if Setting.current.mutation == .leaderDoesNotWait, load(Place.leading, .relaxed) == 2 {
      return true
    }
    for cpu in 0..<Setting.current.cpus &- 1
    where load(Place.acknowledgement(cpu), .acquiring) != state { return false }
    return true
  }

  static var straggler: Int32 { 0 }

  static func serializeThisCore() {
    if Setting.current.mutation == .followerDoesNotSerialize, !isSwitcher { return }
    CodeWord.serializeAll(Simulated.cpu)
  }

  /// Whoever waits sees the time pass; see `ModelSwitching.rest`.
  static func relax(_: UInt32) {
    if Setting.current.drainTimesOut, isSwitcher { Simulated.store(1, to: Place.clock, .relaxed) }
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
    if Setting.current.switchProtocol == .stopMachine {
      areMasked(Setting.current.request.options.stopMode == .task)
    }
  }
}

/// How CPUs come to the lock-step and leave it: the model's own, as each platform has its own.
///
/// In a program a signal brings a thread there from anywhere; one that is inside a slow path is not
/// held. In a kernel stop_machine does, between two tasks' operations, interrupts off.
enum ModelGathering {
  private static var isInNMI: Bool { Setting.current.request.options.stopMode == .nmi }

  /// Where a CPU can be gathered, if it is asked.
  static func mayJoin() {
    guard LockStep<ModelMachine>.isUnderWay else { return }
    let cpu = Simulated.cpu
    // As a handler does: the mark says whether it came over a slow path.
    if let mark = ModelMachine.mark, ModelMachine.load(mark, .relaxed) != 0 { return }
    ModelNMIs.areMasked(isInNMI)
    ModelMachine.store(LockStep<ModelMachine>.current, to: Place.following(cpu), .relaxed)
    LockStep<ModelMachine>.follow()
    if Setting.current.isKernel { awaitLeader() }
    ModelMachine.store(0, to: Place.following(cpu), .relaxed)
    ModelNMIs.areMasked(!isInNMI)
  }

  /// stop_machine keeps every CPU until its function has returned on all of them.
  private static func awaitLeader() {
    while ModelMachine.load(Place.stopped, .acquiring) != 0 { Simulated.pause(0) }
  }

  /// At the gate of a program, as `ProgramSwitching.waitsAtGate`.
  ///
  /// Who is held, and here in a handler over that, goes on acknowledging; the leader finishes its
  /// work and lets all go on; everybody else can be gathered here.
  static func waitsAtGate() {
    guard LockStep<ModelMachine>.isUnderWay else { return }
    if ModelMachine.isLeader {
      if ModelMachine.load(Place.leading, .relaxed) == 2 { _ = work.lead() }
      return LockStep<ModelMachine>.letGo()
    }
    if ModelMachine.isSwitcher { return }
    if ModelMachine.load(Place.following(Simulated.cpu), .relaxed) != 0 {
      return LockStep<ModelMachine>.answer()
    }
    mayJoin()
  }

  private static var work: StopMachineWork<ModelSwitching> {
    let request = Setting.current.request
    return StopMachineWork(from: request.from, to: request.to, deadline: request.timeLimit)
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

extension ModelSwitching: StopMachineTarget {
  typealias Machine = ModelMachine

  static var gathersOutsideSlowPaths: Bool { Setting.current.isKernel }

  static func prepareToGather(_: StopMode) throws(SwitchFailure) {}

  static func gather(
    for work: StopMachineWork<ModelSwitching>, _ mode: StopMode
  ) throws(SwitchFailure) -> StopMachineOutcome {
    ModelNMIs.areMasked(mode == .nmi)
    defer { ModelNMIs.areMasked(mode != .nmi) }
    ModelMachine.store(1, to: Place.leading, .relaxed)
    defer { ModelMachine.store(0, to: Place.leading, .relaxed) }
    return Setting.current.isKernel ? gatherAsKernel(work) : try gatherAsProgram(work)
  }

  private static func gatherAsProgram(
    _ work: StopMachineWork<ModelSwitching>
  ) throws(SwitchFailure) -> StopMachineOutcome {
    while true {
      let first = LockStep<ModelMachine>.begin(until: work.deadline)
      if ModelGathering.awaitAll(first, until: work.deadline) { break }
      let isLate = LockStep<ModelMachine>.hasGivenUp
      LockStep<ModelMachine>.letGo()
      if isLate { throw .notGathered(thread: 0) }
      beginDrain()
      while !isDrained(), nanoseconds < work.deadline { rest() }
    }
    ModelMachine.store(2, to: Place.leading, .relaxed)
    let outcome = work.lead()
    ModelMachine.store(1, to: Place.leading, .relaxed)
    LockStep<ModelMachine>.letGo()
    return outcome
  }

  private static func gatherAsKernel(
    _ work: StopMachineWork<ModelSwitching>
  ) -> StopMachineOutcome {
    let before = ModelMachine.load(ModelMachine.slowPath, .relaxed)
    // Where breakpoints are emulated because the time was over, NMIs take locks at the gate.
    enter(.gate)
    defer { ModelMachine.store(before, to: ModelMachine.slowPath, .releasing) }
    ModelMachine.store(1, to: Place.stopped, .relaxed)
    let first = LockStep<ModelMachine>.begin(until: work.deadline)
    defer {
      LockStep<ModelMachine>.letGo()
      ModelMachine.store(0, to: Place.stopped, .releasing)
    }
    guard ModelGathering.awaitAll(first, until: work.deadline) else {
      return StopMachineOutcome(began: 0, failure: .notGathered(thread: 0))
    }
    ModelMachine.store(2, to: Place.leading, .relaxed)
    var outcome = work.lead()
    if outcome.failure != nil, !putBack(work.from) {
      outcome.failure = .patch(.undoRefused(site: 0))
    }
    return outcome
  }

  /// Before anybody runs.
  private static func putBack(_ set: LockSet) -> Bool {
    LockStep<ModelMachine>.giveUp()
    do throws(PatchError) {
      for index in 0..<sites.count {
        let operation = sites.site(index).operation
        try Poke<ModelCode>.putBack(sites, operation, set.implementation(of: operation))
      }
      return true
    } catch {
      return false
    }
  }
}
