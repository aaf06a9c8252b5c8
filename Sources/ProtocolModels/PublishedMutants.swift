import LockPlatform
import LockSwitching
import ModelChecker

// Breakages of the published protocols.
extension Mutant {
  static var lockStep: [Mutant] {
    func make(
      _ name: String, _ sentence: String, _ mutation: Mutation, _ jobs: [Job] = [],
      nmis: Int = 1, onLeader: Int = 0, locks: [Int] = [1, 2, 3], timeMayRunOut: Bool = false
    ) -> Mutant {
      var workload = Workload([jobs])
      workload.interrupts = [nmis]
      workload.switcherInterrupts = onLeader
      workload.handlerLocks = [locks]
      var model = SwitchModel(
        .stopMachine, from: .native, to: .paravirtual, workload, .sequentialConsistency)
      if timeMayRunOut { (model.failures, model.failingCalls) = (1, .none) }
      model.mutation = mutation
      model.touchesData = false
      return Mutant(name: name, sentence: sentence, model: model)
    }
    return [
      make(
        "follower-not-serialized", "A gathered CPU acknowledges without serializing.",
        .followerDoesNotSerialize, [.a], nmis: 0),
      make(
        "handler-finishes-at-once",
        "On the leader the handler finishes the site without waiting for acknowledgements.",
        .handlerFinishesAtOnce, onLeader: 1, locks: [2, 3, 1]),
      make(
        "not-serialized-after-lock-step",
        "The cores are not serialized by other means once the lock-step has ended.",
        .noSerializationAfterLockStep, [.a, .a], nmis: 0, timeMayRunOut: true),
      make(
        "gate-does-not-answer",
        "Who is held, and waits at the gate in a handler, does not acknowledge.",
        .gateDoesNotAnswer, onLeader: 1),
      make(
        "gate-does-not-let-go",
        "The leader, waiting at the gate in a handler, does not let the others go.",
        .gateDoesNotLetGo, onLeader: 1),
      make(
        "leader-does-not-wait", "The leader does not wait for acknowledgements.",
        .leaderDoesNotWait),
      make(
        "handler-does-not-join",
        "The handler waits for the site without acknowledging.", .handlerDoesNotJoin),
      make(
        "leader-does-not-finish",
        "On the leader the handler waits for the site instead of finishing it.",
        .leaderDoesNotFinish, nmis: 0, onLeader: 1),
      make(
        "lock-step-no-breakpoint", "In lock-step, the breakpoint is left out.", .noBreakpoint),
      make(
        "lock-step-tail-first", "In lock-step, the tail is written before the breakpoint.",
        .tailFirst),
    ]
  }

  static var counting: [Mutant] {
    func make(
      _ name: String, _ sentence: String, _ mutation: Mutation,
      _ workload: Workload = Workload(acquisitions: [1, 1]),
      _ memoryModel: MemoryModel = .sequentialConsistency, isKernel: Bool = false
    ) -> Mutant {
      var model = SwitchModel(.barrier, from: .paravirtual, to: .native, workload, memoryModel)
      model.isKernel = isKernel
      model.mutation = mutation
      model.touchesData = false
      return Mutant(name: name, sentence: sentence, model: model)
    }
    return [
      make(
        "barrier-not-awaited",
        "Who switches does not wait until every CPU has passed the barrier.", .barrierNotAwaited,
        isKernel: true),
      make(
        "barrier-in-two-steps",
        "The count is tested and the set changed, and no gate stands in between.", .noGate),
      make(
        "barrier-counts-after-reading",
        "A CPU is counted only after it has read which set is in force.", .countsAfterReading),
      make(
        "barrier-no-fence", "The CPUs execute no full barrier after the gate is in place.",
        .noBarrierBeforeDrain, Workload(acquisitions: [1, 1]), .totalStoreOrder),
      make(
        "barrier-marks-not-counted", "The set changes though CPUs are in operations.",
        .marksNotCounted),
      make(
        "barrier-references-not-counted",
        "The set changes though locks are held that are to be counted.", .referencesNotCounted),
      make(
        "barrier-drops-last",
        "An unlock drops the reference that was kept last, whichever lock that is of.",
        .dropsLast, Workload([[.crossed], [.b]])),
    ]
  }
}
