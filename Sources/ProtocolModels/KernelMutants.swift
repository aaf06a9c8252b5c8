import CodePatching
import LockPlatform
import LockSwitching
import ModelChecker

// Breakages of a kernel's staged switch: its slow path is text, and grace periods drain it.
extension Mutant {
  private static func make(
    _ name: String, _ sentence: String, _ from: LockSet, _ to: LockSet,
    _ mutation: Mutation? = nil, _ edit: PlanEdit? = nil,
    _ workload: Workload = Workload(acquisitions: [1, 1, 1]),
    _ memoryModel: MemoryModel = .sequentialConsistency, harmless: String? = nil
  ) -> Mutant {
    var model = SwitchModel(from: from, to: to, workload, memoryModel)
    model.isKernel = true
    model.method = .breakpoint
    model.touchesData = false
    model.mutation = mutation
    model.planEdit = edit
    return Mutant(name: "kernel-" + name, sentence: sentence, model: model, harmless: harmless)
  }

  static var inKernels: [Mutant] { kernelPlans + kernelDrains + kernelPokes }

  private static var kernelPlans: [Mutant] {
    func up(_ name: String, _ sentence: String, _ edit: PlanEdit) -> Mutant {
      make("up-" + name, sentence, .native, .paravirtual, nil, edit)
    }
    func down(_ name: String, _ sentence: String, _ edit: PlanEdit) -> Mutant {
      make("down-" + name, sentence, .paravirtual, .native, nil, edit)
    }
    return [
      up("no-drain", "No grace period after the gate.", .noDrain),
      up("drain-first", "The grace period ends before the gate stands.", .drainFirst),
      up("drain-last", "The grace period comes after the gate has opened.", .drainLast),
      up("no-gate", "The sites lead to the new slow path without a gate.", .noGate),
      up("unlock-last", "Unlock is poked after the gate has opened.", .unlockLast),
      up("helpers-last", "Wait and kick are put in place last.", .helpersLast),
      down("no-drain", "No grace period after the gate.", .noDrain),
      down("drain-first", "The grace period ends before the gate stands.", .drainFirst),
      down("drain-last", "The grace period comes after the gate has opened.", .drainLast),
      down("no-gate", "The sites lead to the new slow path without a gate.", .noGate),
      down("unlock-early", "Unlock is poked before the grace period.", .unlockEarly),
      down("kick-early", "Kick is taken away before the grace period.", .kickEarly),
    ]
  }

  private static var kernelDrains: [Mutant] {
    var open = SwitchModel.opening(to: .native, occupied, isKernel: true)
    open.mutation = .gateKeepsWaiters
    return [
      Mutant(
        name: "kernel-gate-keeps-waiters",
        sentence: "A gate that is open does not hand its waiters on.", model: open),
      make(
        "up-section-late", "Preemption goes off only when the call is under way.",
        .native, .paravirtual, .countsAfterReading),
      make(
        "down-section-late", "Preemption goes off only when the call is under way.",
        .paravirtual, .native, .countsAfterReading),
      make(
        "grace-forgets-cpu", "A grace period does not wait for one of the CPUs.",
        .paravirtual, .native, .drainForgetsCPU),
      make(
        "grace-waits-for-nobody", "A grace period waits for nobody.", .native, .paravirtual,
        .drainLooksOnce),
      make(
        "grace-no-barrier", "A grace period is no barrier.", .paravirtual, .native,
        .noBarrierBeforeDrain, nil, Workload(acquisitions: [1, 1]), .totalStoreOrder,
        harmless: "The gate is text: the serialization after it is a barrier on every CPU."),
      make(
        "up-gate-leads-to-old", "The gate leads on to the old slow path.", .native, .paravirtual,
        .gateLeadsToOld),
      make(
        "down-gate-leads-to-old", "The gate leads on to the old slow path.", .paravirtual, .native,
        .gateLeadsToOld),
      make(
        "gate-stays-closed", "The gate is never opened to those who wait in it.", .native,
        .paravirtual, .gateStaysClosed),
      make(
        "gate-does-not-try", "Who waits at the gate does not try to take the lock.",
        .paravirtual, .native, .gateDoesNotTry, nil, Workload([[.nested], [.a], [.b]])),
      make(
        "key-not-chosen", "The native function stays what it was, a queue.", .native, .testAndSet,
        .keyNotChosen),
    ]
  }

  private static var kernelPokes: [Mutant] {
    let two = Workload(acquisitions: [2, 1])
    return [
      make(
        "emulates-native", "The breakpoint handler emulates the native unlock.", .native,
        .paravirtual, .emulatesNative, nil, two,
        harmless:
          "The handler runs with preemption off: the drain waits for the unlocks it emulates."),
      make(
        "up-emulates-old", "The breakpoint handler emulates the slow path of the old set.",
        .native, .paravirtual, .emulatesOldSlowPath),
      make(
        "down-emulates-old", "The breakpoint handler emulates the slow path of the old set.",
        .paravirtual, .native, .emulatesOldSlowPath),
      make(
        "breakpoint-not-serialized", "The cores are not serialized after the breakpoints.",
        .native, .paravirtual, .noSerialization(0), nil, two),
      make(
        "tail-not-serialized", "The cores are not serialized after the tails.",
        .native, .paravirtual, .noSerialization(1), nil, two),
      make(
        "opening-not-serialized", "The cores are not serialized after the second breakpoints.",
        .paravirtual, .native, .noSerialization(3), nil, two),
      make(
        "no-breakpoint", "The breakpoints are left out.", .native, .paravirtual, .noBreakpoint,
        nil, two),
      make(
        "tail-first", "The tails are written before the breakpoints.", .native, .paravirtual,
        .tailFirst, nil, two),
    ]
  }
}
