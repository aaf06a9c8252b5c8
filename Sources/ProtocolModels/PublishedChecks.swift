import LockPlatform
import LockSwitching
import ModelChecker

// The two published protocols: as a program has them, and as a kernel has them.
extension Check {
  private static let sets: [(LockSet, LockSet)] = [
    (.native, .paravirtual), (.paravirtual, .native),
  ]

  private static func name(_ from: LockSet, _ to: LockSet) -> String {
    "\(from.name) -> \(to.name)"
  }

  static var stopMachine: [Check] {
    var checks: [Check] = []
    func add(
      _ name: String, _ bounds: String, _ model: SwitchModel, _ expectation: Expectation = .holds
    ) {
      var model = model
      model.touchesData = false
      checks.append(
        Check(
          group: .stopMachine, name: "\(name), \(Self.name(model.from, model.to))",
          bounds: "\(bounds), \(model.memoryModel.rawValue)", model: model,
          expectation: expectation))
    }
    for isKernel in [false, true] {
      let system = isKernel ? "kernel" : "program"
      for (from, to) in sets {
        var model = SwitchModel(
          .stopMachine, from: from, to: to, Workload(acquisitions: [2, 2]), .totalStoreOrder)
        model.isKernel = isKernel
        add("\(system) 2+2", "2 CPUs and a switching one, 2+2 acquisitions", model)
        model.memoryModel = .sequentialConsistency
        model.workload = Workload(acquisitions: [1, 1])
        model.drainTimesOut = true
        add("\(system), out of time", "the same, 1+1; whoever must wait finds the time over", model)
        model.drainTimesOut = false
        model.workload = Workload([[.a]])
        model.workload.interrupts = [1]
        add("\(system), NMI", "A, and an NMI for B while gathered; a switching CPU", model)
        model.workload = Workload([[.b]])
        model.workload.switcherInterrupts = 1
        add(
          "\(system), NMI on the leader", "B; a switching CPU, and an NMI for B while it leads",
          model)
        model.workload = Workload([[]])
        model.workload.interrupts = [1]
        model.workload.switcherInterrupts = 1
        add(
          "\(system), two NMIs", "NMIs for B on a gathered CPU and on the leader", model,
          isKernel ? .fails : .holds)
        model.options.stopMode = .nmi
        add("\(system), two NMIs, gathered in NMIs", "NMIs for B on both, but not while gathered", model)
      }
    }
    return checks
  }

  static var barrier: [Check] {
    var checks: [Check] = []
    func add(
      _ name: String, _ bounds: String, _ model: SwitchModel, _ expectation: Expectation = .holds
    ) {
      var model = model
      model.touchesData = false
      checks.append(
        Check(
          group: .barrier, name: "\(name), \(Self.name(model.from, model.to))",
          bounds: "\(bounds), \(model.memoryModel.rawValue)", model: model,
          expectation: expectation))
    }
    for isKernel in [false, true] {
      let system = isKernel ? "kernel" : "program"
      for (from, to) in sets {
        var model = SwitchModel(
          .barrier, from: from, to: to, Workload(acquisitions: [2, 2]), .totalStoreOrder)
        model.isKernel = isKernel
        for accounting in [Accounting.untilUnlock, .slowPathOnly] {
          model.options.accounting = accounting
          add(
            "\(system) 2+2, counted to \(accounting.name)",
            "2 CPUs and a switching one, 2+2 acquisitions", model)
        }
        model.options.accounting = .untilUnlock
        model.workload = Workload(acquisitions: [1, 1])
        model.memoryModel = .sequentialConsistency
        model.drainTimesOut = true
        add("\(system), out of time", "the same, 1+1; whoever must wait finds the time over", model)
        model.drainTimesOut = false
        model.workload = Workload([[.crossed], [.a, .b]])
        add("\(system), nested", "A and B, released A first; A, B; a switching CPU", model)
        model.workload = Workload([[.a], [.b]])
        model.workload.interrupts = [1, 0]
        add("\(system), interrupt", "A, interrupted for B; B; a switching CPU", model)
      }
    }
    return checks
  }
}
