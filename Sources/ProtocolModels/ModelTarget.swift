import CodePatching
import LockPlatform
import LockSwitching
import ModelChecker

/// The model as something whose lock operations can be switched.
///
/// Like a program, unlock is text and everything else is in a table; like a kernel, the slow path is
/// text as well.
enum ModelTarget: SwitchTarget {
  typealias Machine = ModelMachine

  static var state: Location<UInt64> { ModelMemory.state }

  static func prepare(_: SwitchRequest) throws(SwitchFailure) {}

  // MARK: Text

  static func openText(forWriting: Bool) throws(SwitchFailure) {
    Simulated.store(0, to: ModelMemory.failedInText, .relaxed)
    Simulated.store(forWriting ? 1 : 0, to: ModelMemory.isForWriting, .relaxed)
    guard ModelFailures.occurs() else { return }
    // Refused, or somebody else has changed a site meanwhile.
    if Simulated.choose(2) == 0 { throw .patch(.notWritable(site: ModelMemory.site.address)) }
    Simulated.store(1, to: ModelMemory.altered, .relaxed)
  }

  static func closeText() throws(SwitchFailure) {
    Simulated.store(0, to: ModelMemory.altered, .relaxed)
    // After another failure that of closing makes no difference where nothing was written, nor to a
    // staged switch.
    let isStaged = ModelSettings.current.switchProtocol == .staged
    if isStaged || Simulated.load(ModelMemory.isForWriting, .relaxed) == 0,
      Simulated.load(ModelMemory.failedInText, .relaxed) != 0
    {
      return
    }
    if ModelFailures.occurs(endsPhase: true) {
      throw .patch(.notProtected(site: ModelMemory.site.address))
    }
  }

  static var sites: ModelSites { ModelSites() }

  static func isText(_ operation: LockOperation) -> Bool {
    operation == .unlock || operation == .slowPath && ModelSettings.current.isKernel
  }

  static func note(_ operation: LockOperation, holds implementation: Implementation) {
    guard operation == .unlock else { return }
    Simulated.store(UInt32(implementation.rawValue), to: ModelMemory.entry(.unlock), .relaxed)
  }

  // MARK: Memory

  static func put(_ operation: LockOperation, _ implementation: Implementation) {
    ModelMachine.store(
      UInt32(implementation.rawValue), to: ModelMemory.entry(operation), .releasing)
  }

  static func lead(to slowPath: Implementation) {
    let setting = ModelSettings.current
    if setting.checksReferences,
      UInt64(slowPath.rawValue) &+ 1 == Simulated.load(ModelMemory.wanted, .relaxed)
    {
      ModelReferences.checkNone()
    }
    if slowPath == .gate, setting.mutation == .noGate { return }
    if setting.mutation == .undoKeepsGateClosed,
      Simulated.load(ModelMemory.failuresNow, .relaxed) != 0
    {
      return
    }
    if setting.mutation == .gateStaysClosed, slowPath != .gate { return }
    ModelMachine.store(UInt32(slowPath.rawValue), to: ModelMachine.slowPath, .releasing)
  }

  /// In a kernel both are one function, and a key says which.
  static func choose(_ slowPath: Implementation) {
    let mutation = ModelSettings.current.mutation
    if mutation == .publishesBeforeVerifying { lead(to: slowPath) }
    guard ModelSettings.current.isKernel, ModelSettings.current.hasTestAndSet,
      slowPath != .paravirtual,
      mutation != .keyNotChosen
    else { return }
    ModelMachine.store(slowPath == .testAndSet ? 1 : 0, to: ModelMemory.key, .relaxed)
  }

  // MARK: Draining

  static func beginDrain() throws(SwitchFailure) {
    let mutation = ModelSettings.current.mutation
    if mutation != .drainGoesOnFromLast { Simulated.store(0, to: ModelMemory.drained, .relaxed) }
    // Nobody can refuse a grace period.
    if !ModelSettings.current.isKernel, ModelFailures.occurs() { throw .unsupported }
    Simulated.store(1, to: ModelMemory.draining, .relaxed)
    if mutation == .noBarrierBeforeDrain { return }
    let isUndo = Simulated.load(ModelMemory.failuresNow, .relaxed) != 0
    if mutation == .noBarrierBeforeUndoDrain, isUndo { return }
    ModelCode.barrierOnAll()
  }

  static func isDrained() -> Bool {
    var next = ModelMachine.load(ModelMemory.drained, .relaxed)
    while next < UInt64(ModelSettings.current.cpus) {
      guard isOutside(UInt32(next)) else {
        Simulated.store(1, to: ModelMemory.lookedInVain, .relaxed)
        return false
      }
      next &+= 1
      ModelMachine.store(next, to: ModelMemory.drained, .relaxed)
    }
    Simulated.store(0, to: ModelMemory.draining, .relaxed)
    return true
  }

  private static func isOutside(_ cpu: UInt32) -> Bool {
    let mutation = ModelSettings.current.mutation
    if mutation == .drainForgetsCPU, cpu == 0 { return true }
    let isUndo = Simulated.load(ModelMemory.failuresNow, .relaxed) != 0
    // In a kernel the grace period covers each call; in a program the mark does.
    let word = ModelSettings.current.isKernel ? ModelMemory.section(cpu) : ModelMemory.mark(cpu)
    return ModelMachine.load(word, .acquiring) == 0 || mutation == .drainLooksOnce
      || mutation == .undoDrainLooksOnce && isUndo
  }

  static func rest() {
    if ModelSettings.current.switchProtocol == .barrier,
      Simulated.load(ModelMemory.draining, .relaxed) == 0
    {
      ModelFailures.letTimePass()
    }
    Simulated.pause(0)
  }

  static func fenceEveryCPU() throws(SwitchFailure) {
    if !ModelSettings.current.isKernel, ModelFailures.occurs() { throw .unsupported }
    if ModelSettings.current.mutation != .noBarrierBeforeDrain { ModelCode.barrierOnAll() }
  }

  // MARK: Measuring

  static func beginMeasuring() {}
  static var measured: (longestStall: UInt64, breakpoints: UInt64) { (0, 0) }
}
