import CodePatching
import LockPlatform
import LockSwitching
import ModelChecker

// The staged switch: as a program does it, and as a kernel does.
extension Check {
  static let directions: [(LockSet, LockSet)] = [
    (.native, .paravirtual), (.paravirtual, .native), (.native, .testAndSet),
    (.testAndSet, .native), (.paravirtual, .testAndSet), (.testAndSet, .paravirtual),
  ]

  static func name(_ from: LockSet, _ to: LockSet) -> String { "\(from.name) -> \(to.name)" }

  /// A check of a model of a switch; about how many states it has, in thousands, if they are many.
  static func check(
    _ group: Group, _ name: String, _ bounds: String, _ model: SwitchModel, states: Int? = nil
  ) -> Check {
    Check(
      group: group, name: (model.isKernel ? "kernel, " : "") + name,
      bounds: "\(bounds), \(model.memoryModel.rawValue)", model: model,
      isLong: (states ?? 0) > 700, usualStates: states.map { $0 * 1_000 })
  }

  // MARK: One switch, and several

  static var staged: [Check] { inPrograms + inKernels + severalSwitches }

  private static var inPrograms: [Check] {
    var checks: [Check] = []
    for (from, to) in directions {
      for method in [PokeMethod.store, .breakpoint] {
        var model = SwitchModel(
          from: from, to: to, Workload(acquisitions: [2, 2]), .totalStoreOrder)
        model.method = method
        checks.append(
          check(
            .staged, "\(name(from, to)) by \(method) 2+2 TSO",
            "2 CPUs and a switching one, 2+2 acquisitions", model,
            states: from == .paravirtual ? 1_500 : nil))
      }
    }
    for (from, to) in directions {
      // Of the others the paravirtual ones differ in nothing that more acquisitions would show.
      let isWhole = to != .testAndSet && from != .testAndSet || to == .native || from == .native
      var model = SwitchModel(
        from: from, to: to, Workload(acquisitions: [isWhole ? 2 : 1, 1, 1]),
        .sequentialConsistency)
      model.touchesData = false
      let acquisitions = isWhole ? "2+1+1" : "1+1+1"
      checks.append(
        check(
          .staged, "\(name(from, to)) by store \(acquisitions) SC",
          "3 CPUs and a switching one, \(acquisitions) acquisitions", model,
          states: from == .paravirtual && isWhole && to == .native
            ? 14_000 : from == .paravirtual || to == .paravirtual ? 3_500 : nil))
      model.workload = Workload([[.nested], [.a], [.b]])
      checks.append(
        check(
          .staged, "\(name(from, to)) nested SC",
          "one CPU holds A and waits for B, two others want A and B, a switching one", model))
    }
    for (from, to) in directions.prefix(2) {
      var model = SwitchModel(
        from: from, to: to, Workload(acquisitions: [1, 1]), .totalStoreOrder)
      model.workload.spuriousWakeUps = 1
      checks.append(
        check(
          .staged, "\(name(from, to)), wake-ups for no reason",
          "2 CPUs and a switching one, 1+1 acquisitions, 1 wake-up of each for no reason", model))
      model.memoryModel = .sequentialConsistency
      model.touchesData = false
      model.workload = Workload(acquisitions: [1, 1, 1])
      model.workload.numbers = [0, 1, nil]
      checks.append(
        check(
          .staged, "\(name(from, to)), a CPU without a number",
          "3 CPUs, of which one has no number, and a switching one, 1+1+1 acquisitions", model))
      model.workload = Workload([[.a], [.a, .exit], [.enroll, .a]])
      model.workload.numbers = [0, 1, 1]
      checks.append(
        check(
          .staged, "\(name(from, to)), a thread ends",
          "a thread ends and another gets its number while a third waits, a switching one", model))
    }
    return checks
  }

  private static var inKernels: [Check] {
    var checks: [Check] = []
    for (from, to) in directions {
      var model = SwitchModel(
        from: from, to: to, Workload(acquisitions: [1, 1]), .totalStoreOrder)
      model.isKernel = true
      model.method = .breakpoint
      checks.append(
        check(
          .staged, "\(name(from, to)) 1+1 TSO", "2 CPUs and a switching one, 1+1 acquisitions",
          model))
      // With test-and-set a kernel has the native function, and a key that is chosen at the gate.
      let isWhole = from == .native || to == .native
      guard isWhole else { continue }
      model.memoryModel = .sequentialConsistency
      model.touchesData = false
      model.workload = Workload(acquisitions: [1, 1, 1])
      checks.append(
        check(
          .staged, "\(name(from, to)) 1+1+1 SC",
          "3 CPUs and a switching one, 1+1+1 acquisitions", model,
          states: from == .paravirtual || to == .paravirtual ? 2_200 : nil))
      model.workload = Workload([[.nested], [.a], [.b]])
      checks.append(
        check(
          .staged, "\(name(from, to)) nested SC",
          "one CPU holds A and waits for B, two others want A and B, a switching one", model))
    }
    return checks
  }

  static func severalRounds(_ isKernel: Bool, _ from: LockSet, _ rounds: [LockSet]) -> SwitchModel {
    var model = SwitchModel(
      from: from, to: from, Workload(acquisitions: [1, 1, 1]), .sequentialConsistency)
    model.rounds = rounds
    model.isKernel = isKernel
    model.method = isKernel ? .breakpoint : .store
    model.touchesData = false
    return model
  }

  private static var severalSwitches: [Check] {
    var checks: [Check] = []
    for isKernel in [false, true] {
      for (from, to) in directions.prefix(2) {
        let model = severalRounds(isKernel, from, [to, from])
        checks.append(
          check(
            .staged, "\(name(from, to)) and back",
            "3 CPUs and one that switches twice, 1+1+1 acquisitions", model,
            states: isKernel ? 3_500 : 1_600))
      }
      for (from, to) in directions.prefix(2) {
        var model = severalRounds(isKernel, from, [to, from, to])
        model.workload = Workload(acquisitions: [2, 1])
        checks.append(
          check(
            .staged, "\(name(from, to)), back, and there again",
            "2 CPUs and one that switches three times, 2+1 acquisitions", model))
      }
    }
    return checks
  }

  // MARK: Undo

  static func failing(
    _ isKernel: Bool, _ from: LockSet, _ to: LockSet, _ failures: Int, _ workload: Workload
  ) -> SwitchModel {
    var model = SwitchModel(from: from, to: to, workload, .sequentialConsistency)
    model.isKernel = isKernel
    model.method = isKernel ? .breakpoint : .store
    model.failures = failures
    model.touchesData = false
    return model
  }

  static var undo: [Check] {
    var checks: [Check] = []
    for isKernel in [false, true] {
      for (from, to) in directions {
        checks.append(
          check(
            .undo, "\(name(from, to)), two failures",
            "2 CPUs and a switching one, 1+1 acquisitions, any two calls refused, then one more"
              + " switch",
            failing(isKernel, from, to, 2, Workload(acquisitions: [1, 1]))))
      }
      for (from, to) in directions.prefix(2) {
        // A kernel's pokes make many calls. Refusals within a phase are met above, by two CPUs.
        let refused = isKernel ? "a call at the end of a phase" : "any one call"
        let three = Workload(acquisitions: [1, 1, 1])
        var model = failing(isKernel, from, to, 1, three)
        if isKernel { model.failingCalls = .phaseEnds }
        checks.append(
          check(
            .undo, "\(name(from, to)), one failure",
            "3 CPUs and a switching one, 1+1+1 acquisitions, \(refused) refused", model,
            states: isKernel ? 4_000 : from == .paravirtual ? 2_500 : 630))
        model.failures = 2
        model.beginAtGate()
        checks.append(
          check(
            .undo, "\(name(from, to)), opening, two failures",
            "3 CPUs and a switching one that has closed the gate and drained, 1+1+1 acquisitions,"
              + " \(refused)"
              + " and again another refused, then one more switch", model,
            states: isKernel ? 2_500 : nil))
        var several = failing(isKernel, from, to, 1, Workload(acquisitions: [1, 1]))
        several.rounds = [to, from]
        checks.append(
          check(
            .undo, "\(name(from, to)) and back, one failure",
            "2 CPUs and one that switches twice, 1+1 acquisitions, any one call refused", several))
        var interrupted = failing(isKernel, from, to, 1, nestedSlowPaths)
        if isKernel { interrupted.failingCalls = .phaseEnds }
        checks.append(
          check(
            .undo, "\(name(from, to)), interrupted, one failure",
            "A under an interrupt that takes B, another CPU holds A and B, then takes A,"
              + " \(refused) refused", interrupted,
            states: isKernel || from == .paravirtual ? 3_000 : nil))
      }
    }
    return checks
  }

  // MARK: Interrupts

  /// A CPU waits for A, and in a handler for B, which another one holds.
  static var nestedSlowPaths: Workload {
    var workload = Workload([[.a], [.nested, .a]])
    workload.interrupts = [1, 0]
    return workload
  }

  static var interruptedSwitches: [Check] {
    var checks: [Check] = []
    var workload = Workload([[.a], [.a, .b]])
    workload.interrupts = [1, 0]
    var three = Workload([[.a], [.nested], [.a]])
    three.interrupts = [1, 0, 0]
    for (from, to) in directions.prefix(2) {
      for method in [PokeMethod.store, .breakpoint] {
        var model = SwitchModel(from: from, to: to, workload, .totalStoreOrder)
        model.method = method
        checks.append(
          check(
            .interrupts, "\(name(from, to)) by \(method)",
            "A under an interrupt that takes B, another CPU takes A and B, a switch", model))
      }
      for isKernel in [false, true] {
        checks.append(
          check(
            .interrupts, "\(name(from, to)), both in slow paths",
            "A under an interrupt that takes B, another CPU holds A and B, then takes A, a switch",
            failing(isKernel, from, to, 0, nestedSlowPaths)))
      }
      checks.append(
        check(
          .interrupts, "\(name(from, to)), three contenders",
          "A under an interrupt that takes B, another CPU holds A and B, a third wants A, a switch",
          failing(false, from, to, 0, three), states: 4_000))
    }
    return checks
  }
}
