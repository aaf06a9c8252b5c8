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

  static func rest() { Simulated.pause(0) }
  static var nanoseconds: UInt64 { 0 }
  static func beginMeasuring() {}
  static var measured: (longestHold: UInt64, breakpoints: UInt64) { (0, 0) }
}

/// The CPU that switches.
enum Switcher {
  static let body: @convention(c) (UInt32) -> Void = { _ in
    let (report, failure) = StagedSwitch<ModelSwitching>.run(
      Setting.current.plan, Setting.current.request)
    Simulated.expect(failure == nil && report.result == .done, "the switch did not succeed")
  }
}
