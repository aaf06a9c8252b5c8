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

  static var state: Location<UInt64> { Place.state }

  static func prepare(_: SwitchRequest) throws(SwitchFailure) {}

  // MARK: Text

  static func openText(forWriting: Bool) throws(SwitchFailure) {
    Simulated.store(0, to: Place.failedInText, .relaxed)
    guard ModelFailures.occurs() else { return }
    // Refused, or somebody else has changed a site meanwhile.
    if Simulated.choose(2) == 0 { throw .patch(.notWritable(site: Place.site.address)) }
    Simulated.store(1, to: Place.altered, .relaxed)
  }

  static func closeText() throws(SwitchFailure) {
    Simulated.store(0, to: Place.altered, .relaxed)
    // After another failure that of closing makes no difference to a staged switch.
    if Setting.current.switchProtocol == .staged,
      Simulated.load(Place.failedInText, .relaxed) != 0
    {
      return
    }
    if ModelFailures.occurs(endsPhase: true) {
      throw .patch(.notProtected(site: Place.site.address))
    }
  }

  static var sites: ModelSites { ModelSites() }

  static func isText(_ operation: LockOperation) -> Bool {
    operation == .unlock || operation == .slowPath && Setting.current.isKernel
  }

  static func note(_ operation: LockOperation, holds implementation: Implementation) {
    guard operation == .unlock else { return }
    Simulated.store(UInt32(implementation.rawValue), to: Place.entry(.unlock), .relaxed)
  }

  // MARK: Memory

  static func put(_ operation: LockOperation, _ implementation: Implementation) {
    ModelMachine.store(UInt32(implementation.rawValue), to: Place.entry(operation), .releasing)
  }

  static func lead(to slowPath: Implementation) {
    let setting = Setting.current
    if setting.checksReferences,
      UInt64(slowPath.rawValue) &+ 1 == Simulated.load(Place.wanted, .relaxed)
    {
      ModelReferences.checkNone()
    }
    if slowPath == .gate, setting.mutation == .noGate { return }
    if setting.mutation == .undoKeepsGateClosed, Simulated.load(Place.failuresNow, .relaxed) != 0 {
      return
    }
    if setting.mutation == .gateStaysClosed, slowPath != .gate { return }
    ModelMachine.store(UInt32(slowPath.rawValue), to: ModelMachine.slowPath, .releasing)
  }

  /// In a kernel both are one function, and a key says which.
  static func choose(_ slowPath: Implementation) {
    let mutation = Setting.current.mutation
    if mutation == .publishesBeforeVerifying { lead(to: slowPath) }
    guard Setting.current.isKernel, Setting.current.hasTestAndSet, slowPath != .paravirtual,
      mutation != .keyNotChosen
    else { return }
    ModelMachine.store(slowPath == .testAndSet ? 1 : 0, to: Place.key, .relaxed)
  }

  // MARK: Draining

  static func beginDrain() throws(SwitchFailure) {
    let mutation = Setting.current.mutation
    if mutation != .drainGoesOnFromLast { Simulated.store(0, to: Place.drained, .relaxed) }
    // Nobody can refuse a grace period.
    if !Setting.current.isKernel, ModelFailures.occurs() { throw .unsupported }
    Simulated.store(1, to: Place.draining, .relaxed)
    if mutation == .noBarrierBeforeDrain { return }
    let isUndo = Simulated.load(Place.failuresNow, .relaxed) != 0
    if mutation == .noBarrierBeforeUndoDrain, isUndo { return }
    ModelCode.barrierOnAll()
  }

  static func isDrained() -> Bool {
    var next = ModelMachine.load(Place.drained, .relaxed)
    while next < UInt64(Setting.current.cpus) {
      guard isOutside(UInt32(next)) else {
        Simulated.store(1, to: Place.lookedInVain, .relaxed)
        return false
      }
      next &+= 1
      ModelMachine.store(next, to: Place.drained, .relaxed)
    }
    Simulated.store(0, to: Place.draining, .relaxed)
    return true
  }

  private static func isOutside(_ cpu: UInt32) -> Bool {
    let mutation = Setting.current.mutation
    if mutation == .drainForgetsCPU, cpu == 0 { return true }
    let isUndo = Simulated.load(Place.failuresNow, .relaxed) != 0
    // In a kernel the grace period covers each call; in a program the mark does.
    let word = Setting.current.isKernel ? Place.section(cpu) : Place.mark(cpu)
    return ModelMachine.load(word, .acquiring) == 0 || mutation == .drainLooksOnce
      || mutation == .undoDrainLooksOnce && isUndo
  }

  static func rest() {
    if Setting.current.switchProtocol == .barrier, Simulated.load(Place.draining, .relaxed) == 0 {
      ModelFailures.letTimePass()
    }
    Simulated.pause(0)
  }

  static func fenceEveryCPU() throws(SwitchFailure) {
    if !Setting.current.isKernel, ModelFailures.occurs() { throw .unsupported }
    if Setting.current.mutation != .noBarrierBeforeDrain { ModelCode.barrierOnAll() }
  }

  // MARK: Measuring

  static func beginMeasuring() {}
  static var measured: (longestStall: UInt64, breakpoints: UInt64) { (0, 0) }
}
