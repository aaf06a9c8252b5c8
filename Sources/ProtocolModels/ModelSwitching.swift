import CodePatching
import LockPlatform
import LockSwitching
import ModelChecker

/// The model as something whose lock operations can be switched: like a program, unlock is text,
/// everything else is in a table.
enum ModelSwitching: SwitchTarget {
  static func prepare(_: Plan, _: PokeMethod) throws(SwitchFailure) {}

  static func poke(
    _ operation: LockOperation, from old: Implementation, to new: Implementation,
    by method: PokeMethod
  ) throws(SwitchFailure) -> UInt32 {
    let pokes = Simulated.load(Place.pokes, .relaxed)
    Simulated.store(pokes &+ 1, to: Place.pokes, .relaxed)
    if pokes == UInt64(Setting.current.pokesBeforeFailure) {
      throw .patch(.notWritable(site: Place.site.address))
    }
    guard operation == .unlock else {
      ModelMachine.store(UInt32(new.rawValue), to: Place.entry(operation), .releasing)
      return 0
    }
    do throws(PatchError) {
      let count = try Poke<ModelCode>.poke(ModelSites(), .unlock, from: old, to: new, by: method)
      ModelMachine.store(UInt32(new.rawValue), to: Place.entry(operation), .relaxed)
      return UInt32(count)
    } catch {
      throw .patch(error)
    }
  }

  static func beginDrain() {
    ModelMachine.store(0, to: Place.drained, .relaxed)
    if Setting.current.mutation != .noBarrierBeforeDrain { ModelCode.barrierOnAll() }
  }

  static func isDrained() -> Bool {
    var next = ModelMachine.load(Place.drained, .relaxed)
    while next < UInt64(Setting.current.cpus) {
      guard isOutside(UInt32(next)) else { return false }
      next &+= 1
      ModelMachine.store(next, to: Place.drained, .relaxed)
    }
    return true
  }

  private static func isOutside(_ cpu: UInt32) -> Bool {
    let mutation = Setting.current.mutation
    if mutation == .drainForgetsCPU, cpu == 0 { return true }
    let mark = ModelMachine.load(Place.mark(cpu), .acquiring)
    return mark == 0 || mutation == .drainLooksOnce
  }

  /// The one limit is 1: what an undo drains afterwards may take as long as it takes.
  static func rest() {
    if Setting.current.drainTimesOut { Simulated.store(1, to: Place.clock, .relaxed) }
    Simulated.pause(0)
  }

  static var nanoseconds: UInt64 { Simulated.load(Place.clock, .relaxed) }
  static func beginMeasuring() {}
  static var measured: (longestHold: UInt64, breakpoints: UInt64) { (0, 0) }
}

/// Text of the model: unlock, and in a kernel the slow path.
extension ModelSwitching: TextTarget {
  typealias Code = ModelCode

  static func prepareBreakpoints() throws(SwitchFailure) {}
  static func openText() throws(SwitchFailure) {}
  static func closeText() {}
  static var sites: ModelSites { ModelSites() }

  static func isText(_ operation: LockOperation) -> Bool {
    operation == .unlock || operation == .slowPath && Setting.current.isKernel
  }

  static func enter(_ slowPath: Implementation) {
    let setting = Setting.current
    if setting.checksReferences, slowPath == setting.request.to.implementation(of: .slowPath) {
      ModelReferences.checkNone()
    }
    if slowPath == .gate, setting.mutation == .noGate { return }
    ModelMachine.store(UInt32(slowPath.rawValue), to: ModelMachine.slowPath, .releasing)
  }

  static func note(_ operation: LockOperation, holds implementation: Implementation) {
    ModelMachine.store(UInt32(implementation.rawValue), to: Place.entry(operation), .relaxed)
  }
}

/// The CPU that switches.
enum Switcher {
  private static var mayFail: Bool {
    Setting.current.drainTimesOut || Setting.current.pokesBeforeFailure != .max
  }

  static let body: @convention(c) (UInt32) -> Void = { _ in
    ModelNMIs.begin()
    let (report, failure) = run()
    Simulated.store(report.result == .done ? 1 : 0, to: Place.result, .relaxed)
    Simulated.expect((failure == nil) == (report.result == .done), "the report contradicts itself")
    Simulated.expect(report.result == .done || mayFail, "the switch did not succeed")
    Simulated.expect(
      report.result == .done || report.result == .undone, "the switch was not undone")
    if Setting.current.switchProtocol != .staged {
      ModelMachine.store(1, to: Place.finished, .releasing)
    }
  }

  private static func run() -> (SwitchReport, SwitchFailure?) {
    let setting = Setting.current
    return switch setting.switchProtocol {
    case .staged: StagedSwitch<ModelSwitching>.run(setting.plan, setting.request)
    case .stopMachine: StopMachineSwitch<ModelSwitching>.run(setting.request)
    case .barrier: BarrierSwitch<ModelSwitching>.run(setting.request)
    }
  }
}
