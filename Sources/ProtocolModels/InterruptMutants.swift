import CodePatching
import LockPlatform
import LockSwitching
import ModelChecker

// Breakages that show when handlers take locks while a switch, or its undo, is under way.
extension Mutant {
  private static func make(
    _ name: String, _ sentence: String, isKernel: Bool = false, _ from: LockSet, _ to: LockSet,
    _ mutation: Mutation? = nil, _ edit: PlanEdit? = nil, failures: Int = 0,
    atGate: Bool = false, _ workload: Workload = Check.nestedSlowPaths
  ) -> Mutant {
    var model = Check.failing(isKernel, from, to, failures, workload)
    if atGate { model.beginAtGate() }
    model.mutation = mutation
    model.planEdit = edit
    return Mutant(
      name: (isKernel ? "kernel-" : "") + name, sentence: sentence, model: model)
  }

  static var interrupted: [Mutant] { nestedMarks + nestedUndo }

  private static var nestedMarks: [Mutant] {
    let marks = "Leaving a slow path in a handler, a CPU counts as outside all."
    let gate = "At a gate in a handler, a CPU counts as outside all slow paths."
    return [
      make("up-marks-do-not-nest", marks, .native, .paravirtual, .marksDoNotNest),
      make("down-marks-do-not-nest", marks, .paravirtual, .native, .marksDoNotNest),
      make("up-gate-drops-all-levels", gate, .native, .paravirtual, .gateDropsAllLevels),
      make("down-gate-drops-all-levels", gate, .paravirtual, .native, .gateDropsAllLevels),
      make(
        "up-marks-do-not-nest", marks, isKernel: true, .native, .paravirtual, .marksDoNotNest),
      make(
        "down-marks-do-not-nest", marks, isKernel: true, .paravirtual, .native, .marksDoNotNest),
      make(
        "interrupted-no-drain", "Nothing is drained.", .paravirtual, .native, nil, .noDrain),
      make(
        "interrupted-unlock-early", "Unlock is poked before the drain.", .paravirtual, .native,
        nil, .unlockEarly),
      make(
        "interrupted-one-node", "An interrupt uses the node of what it interrupted.",
        .paravirtual, .native, .access(.store, .depth, writing: 1, .omitted)),
    ]
  }

  private static var nestedUndo: [Mutant] {
    [
      make(
        "interrupted-undo-no-drain", "Undo does not drain the new slow path.", isKernel: true,
        .native, .paravirtual, nil, .undoNoDrain, failures: 1),
      make(
        "interrupted-undo-no-gate", "Undo forgets the batch that closes the gate.", isKernel: true,
        .paravirtual, .native, nil, .undoNoGate, failures: 1),
      make(
        "interrupted-undo-marks-do-not-nest",
        "Leaving a slow path in a handler, a CPU counts as outside all, in an undo.",
        isKernel: true, .native, .paravirtual, .marksDoNotNest, failures: 1, atGate: true),
    ]
  }
}
