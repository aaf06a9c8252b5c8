import LockPlatform
import LockSwitching
import ModelChecker

// The two published protocols: as a program has them, and as a kernel has them.
extension Check {
  /// A check of a model; about how many states it has, in thousands, if they are many.
  private static func published(
    _ group: Group, _ name: String, _ bounds: String, _ model: SwitchModel,
    _ expectation: Expectation = .holds, states: Int? = nil
  ) -> Check {
    var model = model
    model.touchesData = false
    let memoryModel = model.memoryModel.rawValue
    return Check(
      group: group,
      name: "\(model.isKernel ? "kernel" : "program"), \(model.from.name) -> \(model.to.name)"
        + ", \(name)",
      bounds: "\(bounds), \(memoryModel)", model: model, expectation: expectation,
      isLong: (states ?? 0) > 700, usualStates: states.map { $0 * 1_000 })
  }

  private static func twoCPUs(_ second: Int) -> String {
    "2 CPUs and a switching one, 2+\(second) acquisitions"
  }

  static var stopMachine: [Check] {
    var checks: [Check] = []
    for isKernel in [false, true] {
      for (from, to) in directions.prefix(2) {
        let isUpward = to == .paravirtual
        var model = SwitchModel(
          .stopMachine, from: from, to: to, Workload(acquisitions: [2, 2]), .totalStoreOrder)
        model.isKernel = isKernel
        checks.append(
          published(
            .stopMachine, "2+2 TSO", twoCPUs(2), model, states: isUpward ? 1_200 : 14_000))
        model.memoryModel = .sequentialConsistency
        model.workload = Workload(acquisitions: [1, 1])
        (model.failures, model.failingCalls) = (1, .none)
        checks.append(
          published(
            .stopMachine, "out of time",
            "2 CPUs and a switching one that finds the time over when it must wait, 1+1"
              + " acquisitions", model, states: isKernel ? 5_000 : 3_400))
        model.failingCalls = .all
        model.workload = Workload(acquisitions: [1])
        checks.append(
          published(
            .stopMachine, "one failure",
            "1 CPU and a switching one, 1 acquisition, any one call refused", model))
        model.failures = 2
        checks.append(
          published(
            .stopMachine, "two failures",
            "1 CPU and a switching one, 1 acquisition, any two calls refused, then one more switch",
            model))
        (model.failures, model.failingCalls) = (0, .all)
        model.workload = Workload([[.a]])
        model.workload.interrupts = [1]
        checks.append(
          published(
            .stopMachine, "NMI", "A, and an NMI for B while gathered; a switching CPU", model,
            states: 100))
        model.workload = Workload([[.b]])
        model.workload.switcherInterrupts = 1
        checks.append(
          published(
            .stopMachine, "NMI on the leader",
            "B; a switching CPU, and an NMI for B while it leads", model, states: 130))
        model.workload = Workload([[]])
        model.workload.interrupts = [1]
        model.workload.switcherInterrupts = 1
        // In a kernel nobody answers for an NMI that waits, and here no time limit ends that.
        checks.append(
          published(
            .stopMachine, "two NMIs", "NMIs for B on a gathered CPU and on the leader", model,
            isKernel ? .fails : .holds, states: isKernel ? 100 : 3_200))
        model.workload.handlerLocks = [[2, 3, 1]]
        checks.append(
          published(
            .stopMachine, "two NMIs, two locks",
            "an NMI for C on a gathered CPU and one for B on the leader", model, states: 500))
        model.workload.handlerLocks = [[1, 2, 3]]
        model.options.stopMode = .nmi
        checks.append(
          published(
            .stopMachine, "two NMIs, gathered in NMIs",
            "NMIs for B on both CPUs, but not while they are gathered", model))
      }
    }
    return checks
  }

  static var barrier: [Check] {
    var checks: [Check] = []
    for isKernel in [false, true] {
      for (from, to) in directions.prefix(2) {
        var model = SwitchModel(
          .barrier, from: from, to: to, Workload(acquisitions: [2, 2]), .totalStoreOrder)
        model.isKernel = isKernel
        for accounting in isKernel ? [Accounting.untilUnlock] : [.untilUnlock, .slowPathOnly] {
          model.options.accounting = accounting
          // Upward nobody sleeps as long as much can happen.
          let isUpward = to == .paravirtual
          let isLess = accounting == .slowPathOnly || isKernel && !isUpward
          model.workload = Workload(acquisitions: [2, isLess ? 1 : 2])
          checks.append(
            published(
              .barrier, "2+\(isLess ? 1 : 2) TSO, counted to \(accounting.name)",
              twoCPUs(isLess ? 1 : 2), model,
              states: isUpward ? isKernel ? 11_000 : 4_500 : isLess ? 8_000 : 35_000))
        }
        model.options.accounting = .untilUnlock
        model.memoryModel = .sequentialConsistency
        model.workload = Workload(acquisitions: [1, 1])
        (model.failures, model.failingCalls) = (1, .none)
        checks.append(
          published(
            .barrier, "out of time",
            "2 CPUs and a switching one that finds the time over when it must wait, 1+1"
              + " acquisitions", model, states: isKernel ? 2_000 : 400))
        model.failingCalls = .all
        checks.append(
          published(
            .barrier, "one failure",
            "2 CPUs and a switching one, 1+1 acquisitions, any one call refused", model,
            states: 3_000))
        (model.failures, model.failingCalls) = (0, .all)
        model.workload = Workload([[.crossed], [.a, .b]])
        checks.append(
          published(
            .barrier, "nested", "A and B, released A first; A, B; a switching CPU", model,
            states: isKernel ? 1_200 : 800))
        model.workload = Workload([[.a], [.b]])
        model.workload.interrupts = [1, 0]
        checks.append(
          published(
            .barrier, "interrupt", "A, interrupted for B; B; a switching CPU", model,
            states: isKernel ? 2_600 : 1_000))
      }
    }
    return checks
  }
}
