import CodePatching
import LockPlatform
import LockSwitching
import ModelChecker

// Breakages of one staged switch in a program: its plan, its gate and drain, its pokes.
extension Mutant {
  static var switching: [Mutant] {
    plans + drains + pokes + inKernels + failing + severalSwitches + interrupted + lockStep
      + counting
  }

  private static var plans: [Mutant] {
    func make(
      _ name: String, _ sentence: String, _ from: LockSet, _ to: LockSet, _ edit: PlanEdit
    ) -> Mutant {
      var model = SwitchModel(
        from: from, to: to, Workload(acquisitions: [1, 1, 1]), .sequentialConsistency)
      model.touchesData = false
      model.planEdit = edit
      return Mutant(name: name, sentence: sentence, model: model)
    }
    return [
      make("up-no-drain", "The native slow path is not drained.", .native, .paravirtual, .noDrain),
      make(
        "up-drain-last", "The gate opens before the drain.", .native, .paravirtual, .drainLast),
      make(
        "up-drain-first", "The drain comes before the gate.", .native, .paravirtual, .drainFirst),
      make(
        "up-unlock-last", "Unlock is poked after the gate has opened.", .native, .paravirtual,
        .unlockLast),
      make(
        "up-helpers-last", "Wait and kick are put in place last.", .native, .paravirtual,
        .helpersLast),
      make(
        "up-no-gate", "The slow path leads to the new one without a gate.", .native, .paravirtual,
        .noGate),
      make(
        "down-no-drain", "The paravirtual slow path is not drained.", .paravirtual, .native,
        .noDrain),
      make(
        "down-unlock-early", "Unlock is poked before the drain.", .paravirtual, .native,
        .unlockEarly),
      make("down-unlock-first", "Unlock is poked first.", .paravirtual, .native, .unlockFirst),
      make(
        "down-open-early", "The gate opens before the drain.", .paravirtual, .native, .drainLast),
      make(
        "down-drain-first", "The drain comes before the gate.", .paravirtual, .native, .drainFirst),
      make(
        "down-no-kick-early", "Kick is taken away before the drain.", .paravirtual, .native,
        .kickEarly),
    ]
  }

  // MARK: Gate and drain

  private static var drains: [Mutant] {
    func make(
      _ name: String, _ sentence: String, _ mutation: Mutation, _ from: LockSet, _ to: LockSet,
      _ workload: Workload = Workload(acquisitions: [1, 1, 1]),
      _ memoryModel: MemoryModel = .sequentialConsistency
    ) -> Mutant {
      var model = SwitchModel(from: from, to: to, workload, memoryModel)
      model.mutation = mutation
      model.touchesData = false
      return Mutant(name: name, sentence: sentence, model: model)
    }
    var open = SwitchModel.opening(to: .native, Self.saturated)
    open.mutation = .gateKeepsWaiters
    return [
      Mutant(
        name: "gate-keeps-waiters",
        sentence: "A gate that is open does not hand its waiters on.", model: open),
      make(
        "counts-after-reading",
        "A CPU is counted only after it has read which slow path is in place.",
        .countsAfterReading, .paravirtual, .native),
      make(
        "no-barrier", "The drain begins without a barrier on every CPU.",
        .noBarrierBeforeDrain, .paravirtual, .native, Workload(acquisitions: [1, 1]),
        .totalStoreOrder),
      make(
        "drain-forgets-cpu", "The drain does not look at one of the CPUs.", .drainForgetsCPU,
        .paravirtual, .native),
      make(
        "drain-looks-once", "The drain looks once and is satisfied.", .drainLooksOnce,
        .paravirtual, .native),
      make(
        "gate-does-not-try", "Who waits at the gate does not try to take the lock.",
        .gateDoesNotTry, .paravirtual, .native, Workload([[.nested], [.a], [.b]])),
    ]
  }

  // MARK: Pokes

  private static var pokes: [Mutant] {
    func make(
      _ name: String, _ sentence: String, _ mutation: Mutation, _ method: PokeMethod,
      _ from: LockSet = .native, _ to: LockSet = .paravirtual, harmless: String? = nil
    ) -> Mutant {
      var model = SwitchModel(
        from: from, to: to, Workload(acquisitions: [2, 2]), .sequentialConsistency)
      model.mutation = mutation
      model.method = method
      model.touchesData = false
      return Mutant(name: name, sentence: sentence, model: model, harmless: harmless)
    }
    return [
      make(
        "store-not-serialized", "The cores are not serialized after the store.",
        .noSerialization(0), .store),
      make(
        "breakpoint-not-serialized", "The cores are not serialized after the breakpoint.",
        .noSerialization(0), .breakpoint),
      make(
        "tail-not-serialized", "The cores are not serialized after the tail.",
        .noSerialization(1), .breakpoint),
      make(
        "first-not-serialized", "The cores are not serialized after the first byte.",
        .noSerialization(2), .breakpoint,
        harmless: "Who still fetches the breakpoint retries, and emulation is sound in any set."),
      make(
        "emulates-native", "The breakpoint handler emulates the native unlock.", .emulatesNative,
        .breakpoint),
      make("no-breakpoint", "The breakpoint is left out.", .noBreakpoint, .breakpoint),
      make("tail-first", "The tail is written before the breakpoint.", .tailFirst, .breakpoint),
      make(
        "store-in-halves", "A word of code is written in two stores.", .storesCodeInHalves, .store),
      make(
        "two-instructions", "The native form is two instructions.", .twoInstructions, .store),
      make(
        "two-instructions-breakpoint",
        "The native form is two instructions, poked by breakpoint.", .twoInstructions, .breakpoint),
      make(
        "emulates-nothing", "The breakpoint handler skips the operation.", .emulatesNothing,
        .breakpoint),
      make(
        "resumes-inside", "The breakpoint handler goes on inside the site.", .resumesInside,
        .breakpoint),
    ]
  }
}
