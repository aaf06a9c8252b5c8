import CodePatching
import LockPlatform
import LockSwitching
import ModelChecker

// Breakages that show when a call is refused after it, or others before it, had an effect.
extension Mutant {
  private static func make(
    _ name: String, _ sentence: String, isKernel: Bool = true, _ from: LockSet, _ to: LockSet,
    _ mutation: Mutation? = nil, _ edit: PlanEdit? = nil, failures: Int = 1,
    atGate: Bool = false, _ workload: Workload = Workload(acquisitions: [1, 1, 1])
  ) -> Mutant {
    var model = Check.failing(isKernel, from, to, failures, workload)
    if atGate { model.beginAtGate() }
    model.mutation = mutation
    model.planEdit = edit
    return Mutant(
      name: (isKernel ? "kernel-" : "") + name, sentence: sentence, model: model)
  }

  static var failing: [Mutant] { published + undone + remembered + ignored }

  /// What others see too early.
  private static var published: [Mutant] {
    let sentence = "The new slow path is published before its text is verified."
    // Refused at the gate, and then the paravirtual slow path is asked for again.
    var refused = Check.failing(
      true, .paravirtual, .native, 1, Workload(acquisitions: [1, 1, 1]))
    refused.beginAtGate()
    refused.rounds = [.native, .paravirtual]
    refused.mutation = .publishesBeforeVerifying
    return [
      make(
        "down-published-before-verified", sentence, isKernel: false, .paravirtual, .native,
        .publishesBeforeVerifying),
      make(
        "up-published-before-verified", sentence, .native, .paravirtual,
        .publishesBeforeVerifying),
      Mutant(name: "kernel-down-published-before-verified", sentence: sentence, model: refused),
      make(
        "undo-keeps-gate-closed", "The gate stays closed after an undo.", isKernel: false,
        .native, .paravirtual, .undoKeepsGateClosed),
    ]
  }

  /// Plans back that are wrong.
  private static var undone: [Mutant] {
    let two = Workload(acquisitions: [1, 1])
    return [
      make(
        "undo-up-no-drain", "Undo does not drain the new slow path.", .native, .paravirtual, nil,
        .undoNoDrain),
      make(
        "undo-down-no-drain", "Undo does not drain the new slow path.", .paravirtual, .native, nil,
        .undoNoDrain),
      make(
        "undo-up-no-gate", "Undo forgets the batch that closes the gate.", .native, .paravirtual,
        nil, .undoNoGate),
      make(
        "undo-down-no-gate", "Undo forgets the batch that closes the gate.", .paravirtual, .native,
        nil, .undoNoGate),
      make(
        "undo-up-drain-first", "Undo drains before it closes the gate.", .native, .paravirtual,
        nil, .undoDrainFirst),
      make(
        "undo-down-drain-first", "Undo drains before it closes the gate.", .paravirtual, .native,
        nil, .undoDrainFirst),
      make(
        "undo-unlock-first", "Undo puts the native unlock back first.", .native, .paravirtual, nil,
        .undoUnlockFirst),
      make(
        "undo-helpers-first", "Undo takes wait and kick away first.", .native, .paravirtual, nil,
        .undoHelpersFirst),
      make(
        "undo-no-last", "Undo forgets its last batch.", isKernel: false, .native, .paravirtual,
        nil, .undoNoLast, two),
      make(
        "undo-no-unlock", "Undo forgets the unlock.", isKernel: false, .native, .paravirtual, nil,
        .undoNoUnlock, two),
      make(
        "undo-from-before", "Undo is planned from the state that the switch began in.",
        isKernel: false, .paravirtual, .native, nil, .undoFromBefore, two),
      make(
        "undo-forgets-occupied", "Undo takes the new slow path for empty.", .native, .paravirtual,
        nil, .undoForgetsOccupied),
      make(
        "undo-grace-waits-for-nobody", "The grace period of an undo waits for nobody.", .native,
        .paravirtual, .undoDrainLooksOnce),
      make(
        "undo-down-grace-waits-for-nobody", "The grace period of an undo waits for nobody.",
        .paravirtual, .native, .undoDrainLooksOnce, atGate: true),
    ]
  }

  /// States that say less than may be the case.
  private static var remembered: [Mutant] {
    let two = Workload(acquisitions: [1, 1])
    return [
      make(
        "up-state-forgets-begun", "The state does not note a batch that has begun.", .native,
        .paravirtual, .stateForgetsBegun),
      make(
        "down-state-forgets-begun", "The state does not note a batch that has begun.",
        .paravirtual, .native, .stateForgetsBegun),
      make(
        "state-forgets-begun", "The state does not note a batch that has begun.", isKernel: false,
        .native, .paravirtual, .stateForgetsBegun, nil, two),
      make(
        "state-forgets-occupied", "The state does not note who may be in which slow path.",
        .native, .paravirtual, .stateForgetsOccupied),
      make(
        "stuck-forgotten", "After an undo that failed the old set is taken for granted.",
        isKernel: false, .native, .paravirtual, .forgetsWhereItIsStuck, failures: 2, two),
      make(
        "stuck-forgotten", "After an undo that failed the old set is taken for granted.",
        .paravirtual, .native, .forgetsWhereItIsStuck, failures: 2, two),
    ]
  }

  /// Refusals that nobody heeds.
  private static var ignored: [Mutant] {
    let two = Workload(acquisitions: [1, 1])
    return [
      make(
        "refused-store-ignored", "A store to text that was refused counts as done.",
        isKernel: false, .native, .paravirtual, .refusedStoreIgnored, nil, two),
      make(
        "refused-store-ignored", "A store to text that was refused counts as done.", .paravirtual,
        .native, .refusedStoreIgnored, nil, two),
      make(
        "refused-serialization-ignored", "A serialization that was refused counts as done.",
        isKernel: false, .native, .paravirtual, .refusedSerializationIgnored, nil, two),
      make(
        "altered-site-not-seen", "A site that somebody else has changed is written over.",
        isKernel: false, .native, .paravirtual, .alteredNotSeen, nil, two),
      make(
        "altered-site-not-seen", "A site that somebody else has changed is written over.",
        .paravirtual, .native, .alteredNotSeen, nil, two),
    ]
  }
}
