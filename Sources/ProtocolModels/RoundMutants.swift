import CodePatching
import LockPlatform
import LockSwitching
import ModelChecker

// Breakages that show when a switch follows another.
extension Mutant {
  private static func make(
    _ name: String, _ sentence: String, isKernel: Bool = false, _ from: LockSet,
    _ rounds: [LockSet], _ mutation: Mutation? = nil, _ edit: PlanEdit? = nil,
    _ workload: Workload = Workload(acquisitions: [1, 1, 1]), failures: Int = 0
  ) -> Mutant {
    var model = Check.severalRounds(isKernel, from, rounds)
    model.mutation = mutation
    model.planEdit = edit
    model.workload = workload
    model.failures = failures
    return Mutant(
      name: (isKernel ? "kernel-" : "") + name, sentence: sentence, model: model)
  }

  private static let thereAndBack = [LockSet.paravirtual, .native]
  private static let backAndThere = [LockSet.native, .paravirtual]

  static var severalSwitches: [Mutant] { leftBehind + secondPlans + published }

  private static var leftBehind: [Mutant] {
    let uncounted = "Who leaves the gate enters the slow path uncounted."
    let two = Workload(acquisitions: [1, 1])
    return [
      make(
        "up-gate-leads-on-uncounted", uncounted, .native, thereAndBack, .gateLeadsOnUncounted),
      make(
        "down-gate-leads-on-uncounted", uncounted, .paravirtual, backAndThere,
        .gateLeadsOnUncounted),
      make(
        "up-gate-leads-on-uncounted", uncounted, isKernel: true, .native, thereAndBack,
        .gateLeadsOnUncounted),
      make(
        "down-gate-leads-on-uncounted", uncounted, isKernel: true, .paravirtual, backAndThere,
        .gateLeadsOnUncounted),
      make(
        "up-second-drain-goes-on", "The second drain goes on where the first ended.", .native,
        thereAndBack, .drainGoesOnFromLast),
      make(
        "down-second-drain-goes-on", "The second drain goes on where the first ended.",
        .paravirtual, backAndThere, .drainGoesOnFromLast),
      make(
        "second-drain-goes-on", "The second grace period goes on where the first ended.",
        isKernel: true, .native, thereAndBack, .drainGoesOnFromLast),
      make(
        "set-not-noted", "The set that is in force after a switch is not noted.", .native,
        thereAndBack, .stateForgetsSet, nil, two, failures: 1),
      make(
        "end-not-noted", "The end of a batch is not noted.", .native, thereAndBack,
        .stateForgetsEnded, nil, two),
      make(
        "entered-not-noted", "Where the slow path leads is not noted.", .native, thereAndBack,
        .stateForgetsEntered, nil, two),
      make(
        "third-poke-not-serialized", "The cores are not serialized after the third poke.",
        .native, [.paravirtual, .native, .paravirtual], .noSerialization(2), nil,
        Workload(acquisitions: [2, 1])),
      make(
        "hash-entry-kept-for-the-next",
        "An entry stays in the lock hash when the paravirtual queue is left.", .paravirtual,
        backAndThere, .access(.store, .hashLock, writing: 0, .omitted), nil,
        Workload(acquisitions: [2, 2])),
    ]
  }

  private static var secondPlans: [Mutant] {
    [
      make(
        "back-to-native-no-drain", "On the way back nothing is drained.", .native, thereAndBack,
        nil, .backNoDrain),
      make(
        "back-to-paravirtual-no-drain", "On the way back nothing is drained.", .paravirtual,
        backAndThere, nil, .backNoDrain),
      make(
        "back-drain-first", "On the way back the drain comes before the gate.", .native,
        thereAndBack, nil, .backDrainFirst),
      make(
        "back-unlock-first", "On the way back unlock is poked first.", .native, thereAndBack, nil,
        .backUnlockFirst),
      make(
        "back-no-helpers", "On the way back wait and kick stay.", .native, thereAndBack, nil,
        .backNoHelpers, Workload(acquisitions: [1, 1])),
      make(
        "back-to-native-no-drain", "On the way back there is no grace period.", isKernel: true,
        .native, thereAndBack, nil, .backNoDrain),
      make(
        "back-to-paravirtual-no-drain", "On the way back there is no grace period.",
        isKernel: true, .paravirtual, backAndThere, nil, .backNoDrain),
    ]
  }

  /// The published protocols, twice.
  private static var published: [Mutant] {
    func make(
      _ name: String, _ sentence: String, _ switchProtocol: SwitchProtocol, _ mutation: Mutation,
      isKernel: Bool = false, rounds: [LockSet] = thereAndBack, failures: Int = 0
    ) -> Mutant {
      let workload = Workload(acquisitions: [1, 1])
      var model = SwitchModel(
        switchProtocol, from: .native, to: .paravirtual, workload, .sequentialConsistency)
      model.rounds = rounds
      (model.failures, model.failingCalls) = (failures, .none)
      model.isKernel = isKernel
      model.mutation = mutation
      model.touchesData = false
      return Mutant(name: name, sentence: sentence, model: model)
    }
    return [
      make(
        "barrier-passed-once", "Who has passed one barrier counts as having passed the next.",
        .barrier, .barrierPassedOnce, isKernel: true),
      make(
        "barrier-generation-stays", "References kept for one switch count for the next.",
        .barrier, .generationStays, rounds: [.paravirtual, .paravirtual], failures: 1),
      make(
        "gathering-stays", "Acknowledgements of one gathering count for the next.",
        .stopMachine, .gatheringStays),
    ]
  }
}
