import CodePatching
import LockPlatform
import LockSwitching
import ModelChecker

/// One thing that is checked: a model, its bounds, and what must come of it.
public struct Check: Sendable {
  /// What belongs together in a report.
  public enum Group: String, Sendable, CaseIterable {
    /// Each lock by itself.
    case locks
    /// Locks that are freed, nodes and numbers that are given back, entries of the hash.
    case lifetime
    /// What may be mixed: the table of `Mixture`, row by row.
    case compatibility
    /// The staged switch, in all six directions.
    case staged
    /// Its failures, at every step.
    case undo
    /// The switch with all CPUs gathered, in lock-step.
    case stopMachine
    /// The switch with breakpoints everywhere, and counted.
    case barrier
    /// Interrupts and NMIs.
    case interrupts
    /// Nobody is left behind.
    case fairness
    /// What is taken for granted of processors, taken away.
    case assumptions
    /// Breakages that must be caught.
    case mutants
  }

  /// What must come of it.
  public enum Expectation: String, Sendable, Codable {
    /// No schedule fails.
    case holds
    /// Some schedule does: the mixture is wrong, or the code was broken on purpose.
    case fails
  }

  /// Where it belongs.
  public var group: Group
  /// Unique in its group.
  public var name: String
  /// The bounds, in words.
  public var bounds: String
  /// The model.
  public var model: any Model
  /// What must come of it.
  public var expectation = Expectation.holds
  /// Takes long: not part of the short run.
  public var isLong = false
  /// About how many states it has, where that is known to be far from what others have.
  ///
  /// For estimates of the time left, and nothing else.
  public var usualStates: Int?

  /// Unique among all.
  public var id: String { "\(group)/\(name)" }
}

extension Check {
  /// Everything, in the order of a run.
  public static var all: [Check] {
    locks + lifetime + compatibility + staged + undo + stopMachine + barrier + interrupts + fairness
      + assumptions + mutants
  }

  // MARK: Locks

  private static var locks: [Check] {
    let kinds: [(String, Waiting, Unlocking)] = [
      ("native", .native, .native), ("paravirtual", .paravirtual, .paravirtual),
      ("test-and-set", .testAndSet, .native), ("kernel, native", .native, .native),
    ]
    var checks: [Check] = []
    for (name, waiting, unlocking) in kinds {
      for (acquisitions, memoryModel) in [
        ([2, 2], MemoryModel.totalStoreOrder), ([2, 1, 1], .totalStoreOrder),
        ([2, 1, 1], .sequentialConsistency), ([2, 2, 1], .sequentialConsistency),
      ] {
        var workload = Workload(acquisitions: acquisitions)
        workload.spuriousWakeUps = waiting == .paravirtual && acquisitions == [2, 2] ? 1 : 0
        var model = LockModel(waiting, unlocking, workload, memoryModel)
        model.checksOrder = waiting == .native
        model.checksStealing = waiting == .paravirtual && memoryModel == .sequentialConsistency
        model.isKernel = name.hasPrefix("kernel")
        model.checksPassing =
          waiting != .testAndSet && memoryModel == .sequentialConsistency && !model.isKernel
        model.touchesData = memoryModel == .totalStoreOrder
        checks.append(
          Check(
            group: .locks, name: "\(name) \(bounds(acquisitions)) \(memoryModel.rawValue)",
            bounds: bounds(acquisitions, memoryModel)
              + (workload.spuriousWakeUps > 0 ? ", 1 wake-up of each for no reason" : "")
              + (waiting == .native ? ", first come, first served" : "")
              + (model.checksStealing ? ", nobody steals from a head that spins" : "")
              + (model.checksPassing ? ", newcomers pass nobody whom they can see" : ""),
            model: model,
            isLong: waiting == .paravirtual && acquisitions.count == 3,
            usualStates: waiting == .paravirtual && acquisitions == [2, 2, 1] ? 5_000_000 : nil))
      }
    }
    var exiting = Workload([[.a, .a], [.a, .exit], [.enroll, .a]])
    exiting.numbers = [0, 1, 1]
    checks.append(
      Check(
        group: .locks, name: "late kick",
        bounds: "a thread ends, another gets its node while kicks for the first may still come, SC",
        model: LockModel(.paravirtual, .paravirtual, exiting, .sequentialConsistency),
        isLong: true))
    return checks
  }

  private static func bounds(_ acquisitions: [Int]) -> String {
    acquisitions.map(String.init).joined(separator: "+")
  }

  private static func bounds(_ acquisitions: [Int], _ memoryModel: MemoryModel) -> String {
    "\(acquisitions.count) CPUs, \(bounds(acquisitions)) acquisitions, \(memoryModel.rawValue)"
  }

  // MARK: Compatibility

  /// A row of the table: who waits how, who unlocks how, and whether it is sound.
  private static var compatibility: [Check] {
    func row(
      _ name: String, _ waiting: [Waiting], _ unlocking: [Unlocking], _ expectation: Expectation,
      isKernel: Bool = false
    ) -> Check {
      var model = LockModel(
        waiting, unlocking, Workload(acquisitions: waiting.map { _ in 1 }), .sequentialConsistency)
      model.touchesData = false
      model.isKernel = isKernel
      return Check(
        group: .compatibility, name: name, bounds: "\(waiting.count) CPUs, 1 acquisition each, SC",
        model: model, expectation: expectation)
    }
    let (n, p, t) = (Waiting.native, Waiting.paravirtual, Waiting.testAndSet)
    return [
      row(
        "native queue, native unlock", [n, n, n, n], [.native, .native, .native, .native], .holds),
      row(
        "native queue, paravirtual unlock", [n, n, n, n],
        [.paravirtual, .paravirtual, .paravirtual, .paravirtual], .holds),
      row(
        "native queue, both unlocks", [n, n, n, n],
        [.native, .paravirtual, .native, .paravirtual], .holds),
      row(
        "paravirtual queue, paravirtual unlock", [p, p, p],
        [.paravirtual, .paravirtual, .paravirtual], .holds),
      row(
        "paravirtual queue, native unlock", [p, p, p], [.native, .native, .native], .fails),
      row(
        "paravirtual queue, one native unlock", [p, p, p],
        [.native, .paravirtual, .paravirtual], .fails),
      row(
        "both queues, paravirtual unlock", [n, p, p],
        [.paravirtual, .paravirtual, .paravirtual], .fails),
      row("both queues, native unlock", [n, p, p], [.native, .native, .native], .fails),
      row(
        "kernel, both queues, paravirtual unlock", [n, p, p],
        [.paravirtual, .paravirtual, .paravirtual], .fails, isKernel: true),
      row(
        "test-and-set, native queue, paravirtual unlock", [t, n, n],
        [.paravirtual, .paravirtual, .paravirtual], .holds),
      row(
        "test-and-set, paravirtual queue, paravirtual unlock", [t, p, p],
        [.paravirtual, .paravirtual, .paravirtual], .holds),
      row(
        "test-and-set, native queue, native unlock", [t, n, n, n],
        [.native, .native, .native, .native], .holds),
      row(
        "test-and-set, paravirtual queue, native unlock", [t, p, p],
        [.native, .native, .native], .fails),
    ]
  }

  // MARK: Interrupts and fairness

  private static var interrupts: [Check] {
    var checks: [Check] = []
    func interrupted(_ jobs: [[Job]], _ interrupts: [Int]) -> Workload {
      var workload = Workload(jobs)
      workload.interrupts = interrupts
      return workload
    }
    let kinds: [(String, Waiting, Unlocking)] = [
      ("native", .native, .native), ("paravirtual", .paravirtual, .paravirtual),
      ("test-and-set", .testAndSet, .native),
    ]
    for (name, waiting, unlocking) in kinds {
      checks.append(
        Check(
          group: .interrupts, name: "\(name), interrupt",
          bounds: "A under an interrupt that takes B, another CPU takes A and B, TSO",
          model: LockModel(
            waiting, unlocking, interrupted([[.a], [.a, .b]], [1, 0]), .totalStoreOrder)))
      checks.append(
        Check(
          group: .interrupts, name: "\(name), interrupt and NMI",
          bounds: "A, interrupted for B, interrupted for C; another CPU takes all three, SC",
          model: LockModel(
            waiting, unlocking, interrupted([[.a], [.a, .b, .c]], [2, 0]),
            .sequentialConsistency)))
      checks.append(
        Check(
          group: .interrupts, name: "\(name), four contexts",
          bounds:
            "A, interrupted for B, for C and for D, each in the other; another CPU takes D, SC",
          model: LockModel(
            waiting, unlocking, interrupted([[.a], [.d]], [3, 0]), .sequentialConsistency),
          isLong: waiting == .paravirtual))
    }
    return checks + contendedHandlers + interruptedSwitches
  }

  private static var fairness: [Check] {
    var checks: [Check] = []
    for isKernel in [false, true] {
      checks.append(
        Check(
          group: .fairness,
          name: "gate opens to native, saturated lock" + (isKernel ? ", kernel" : ""),
          bounds: (isKernel ? "1 CPU never leaves" : "2 CPUs never leave")
            + " the lock alone, another may wait at the gate; it opens; SC",
          model: SwitchModel.opening(
            to: .native, isKernel ? Mutant.occupied : Mutant.saturated, isKernel: isKernel)))
    }
    var native = LockModel(.native, .native, Mutant.saturated, .sequentialConsistency)
    native.touchesData = false
    checks.append(
      Check(
        group: .fairness, name: "native, saturated lock",
        bounds: "2 CPUs never leave the lock alone, a third wants it once; SC", model: native))
    var kernel = native
    kernel.isKernel = true
    checks.append(
      Check(
        group: .fairness, name: "kernel, native, saturated lock",
        bounds: "2 CPUs never leave the lock alone, a third wants it once; SC", model: kernel))
    var unfair = native
    unfair.waiting = [.testAndSet, .testAndSet, .testAndSet]
    checks.append(
      Check(
        group: .fairness, name: "test-and-set, saturated lock (starves, as it may)",
        bounds: "2 CPUs never leave the lock alone, a third wants it once; SC", model: unfair,
        expectation: .fails))
    return checks
  }

  // MARK: Assumptions and mutants

  private static var assumptions: [Check] {
    [(PokeMethod.store, Expectation.fails), (.breakpoint, .holds)].map { method, expectation in
      var model = SwitchModel(
        from: .native, to: .paravirtual, Workload(acquisitions: [2, 2]), .sequentialConsistency)
      model.method = method
      model.wordStoresAreWhole = false
      model.touchesData = false
      return Check(
        group: .assumptions, name: "by \(method), aligned 8-byte stores fetched in pieces",
        bounds: "2 CPUs and a switching one, 2+2 acquisitions, SC; any mixture of bytes is fetched",
        model: model, expectation: expectation)
    }
  }

  private static var mutants: [Check] {
    Mutant.all.map {
      Check(
        group: .mutants, name: $0.name, bounds: $0.sentence, model: $0.model,
        expectation: $0.harmless == nil ? .fails : .holds)
    }
  }
}
