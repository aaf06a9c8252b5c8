import LockPlatform
import ModelChecker

// What is freed, given back or used up, and when.
extension Check {
  private static func check(
    _ name: String, _ bounds: String, _ model: LockModel, isLong: Bool = false,
    states: Int? = nil
  ) -> Check {
    Check(
      group: .lifetime, name: name, bounds: "\(bounds), \(model.memoryModel.rawValue)",
      model: model, isLong: isLong, usualStates: states.map { $0 * 1_000 })
  }

  static var lifetime: [Check] {
    freedLocks + freedWhileSwitching + nodes + numbers + hash + lateKicks + timedWaits
  }

  private static let queues: [(String, Waiting, Unlocking)] = [
    ("native", .native, .native), ("paravirtual", .paravirtual, .paravirtual),
  ]

  /// Whoever takes a lock last frees it as soon as its unlock has returned.
  private static var freedLocks: [Check] {
    (queues + [("test-and-set", .testAndSet, .native)]).flatMap { name, waiting, unlocking in
      [MemoryModel.totalStoreOrder, .sequentialConsistency].map { memoryModel in
        let isOrdered = memoryModel == .totalStoreOrder
        var model = LockModel(
          waiting, unlocking, Workload(acquisitions: isOrdered ? [2, 1] : [1, 1, 1]), memoryModel)
        model.freesLocks = true
        return check(
          "\(name), freed by the last \(memoryModel.rawValue)",
          "\(isOrdered ? "2 CPUs, 2+1" : "3 CPUs, 1+1+1") acquisitions; the last one frees the lock",
          model)
      }
    }
  }

  /// A lock that goes while the set does: what waits at the gate, in a drain or at a site in transit
  /// leaves it alone as well.
  static func freedWhileSwitching(
    isKernel: Bool, _ from: LockSet, _ to: LockSet, _ acquisitions: [Int] = [1, 1]
  ) -> SwitchModel {
    var model = SwitchModel(
      from: from, to: to, Workload(acquisitions: acquisitions), .sequentialConsistency)
    model.isKernel = isKernel
    model.method = .breakpoint
    model.touchesData = false
    model.freesLocks = true
    return model
  }

  private static var freedWhileSwitching: [Check] {
    [false, true].flatMap { isKernel in
      directions.map { from, to in
        let model = freedWhileSwitching(isKernel: isKernel, from, to)
        return Check(
          group: .lifetime,
          name: (isKernel ? "kernel, " : "") + "\(from.name) -> \(to.name), freed by the last",
          bounds: "2 CPUs and a switching one, 1+1 acquisitions; the last one frees the lock, SC",
          model: model)
      }
    }
  }

  private static var nodes: [Check] {
    queues.map { name, waiting, unlocking in
      // Natively the first waiter needs no node.
      let last: [Job] = waiting == .native ? [.a, .b] : [.b]
      var workload = Workload([[.a], [.a, .b], last])
      workload.interrupts = [1, 0, 0]
      workload.nodesInUse = [3, 0, 0]
      let isLong = waiting == .paravirtual
      return check(
        "\(name), fifth context",
        "A with the last node, interrupted for B with none; two other CPUs want A and B",
        LockModel(waiting, unlocking, workload, .sequentialConsistency), isLong: isLong,
        states: isLong ? 4_600 : nil)
    }
  }

  private static var numbers: [Check] {
    queues.map { name, waiting, unlocking in
      var workload = Workload(acquisitions: [2, 1, 1])
      workload.numbers = [0, 1, nil]
      return check(
        "\(name), no number", "3 CPUs, one of them without a number, 2+1+1 acquisitions",
        LockModel(waiting, unlocking, workload, .sequentialConsistency))
    }
  }

  private static var hash: [Check] {
    func make(_ name: String, _ bounds: String, _ jobs: [[Job]]) -> Check {
      check(
        name, bounds, LockModel(.paravirtual, .paravirtual, Workload(jobs), .sequentialConsistency))
    }
    return [
      make(
        "hash, search wraps", "2 CPUs, 2+2 acquisitions while the last entry is another's",
        [[.a, .a], [.a, .a, .releaseD]]),
      make(
        "hash, two entries go", "2 CPUs take A, two others free the entries before its own",
        [[.releaseD], [.releaseC], [.a], [.a]]),
      make("hash, two locks", "2 CPUs take A, 2 take B", [[.a], [.a], [.b], [.b]]),
    ]
  }

  /// A site that no switch reaches unlocks natively beside waiters that sleep, for a while each.
  static func nativeUnlockBesideTimedWaits(_ acquisitions: [Int]) -> LockModel {
    var model = LockModel(
      acquisitions.map { _ in .paravirtual },
      acquisitions.indices.map { $0 == 0 ? .native : .paravirtual },
      Workload(acquisitions: acquisitions), .sequentialConsistency)
    model.waitsTimeOut = true
    return model
  }

  private static var timedWaits: [Check] {
    [[2, 2], [1, 1, 1]].map { acquisitions in
      let sum = acquisitions.map(String.init).joined(separator: "+")
      return check(
        "native unlock beside timed waits \(sum)",
        "\(acquisitions.count) CPUs in the paravirtual queue, \(sum) acquisitions, one of them unlocks"
          + " natively; waits end by time",
        nativeUnlockBesideTimedWaits(acquisitions))
    }
  }

  private static var lateKicks: [Check] {
    var workload = Workload(acquisitions: [1, 1, 1])
    workload.spuriousWakeUps = 1
    let woken = LockModel(.paravirtual, .paravirtual, workload, .sequentialConsistency)
    workload = Workload([[.a, .a], [.a, .exit], [.enroll, .a]])
    workload.numbers = [0, 1, 1]
    workload.spuriousWakeUps = 1
    return [
      check(
        "paravirtual, woken for no reason", "3 CPUs, 1+1+1 acquisitions, 1 wake-up of each", woken),
      check(
        "late kick, woken for no reason",
        "a thread ends, another gets its node, 1 wake-up of each for no reason",
        LockModel(.paravirtual, .paravirtual, workload, .sequentialConsistency)),
    ]
  }

  /// Three CPUs, handlers among them that take other locks than what they interrupt.
  static var contendedHandlers: [Check] {
    func workload(_ jobs: [[Job]], _ interrupts: [Int]) -> Workload {
      var workload = Workload(jobs)
      workload.interrupts = interrupts
      return workload
    }
    var two = workload([[.a], [.a], [.b, .c]], [1, 1, 0])
    two.handlerLocks[1] = [2]
    let cases: [(String, String, Workload)] = [
      (
        "three CPUs, interrupt", "A under an interrupt for B; A and B; B",
        workload([[.a], [.a, .b], [.b]], [1, 0, 0])
      ),
      (
        "three CPUs, two interrupts", "A under an interrupt for B; A under one for C; B and C", two
      ),
      (
        "three CPUs, interrupt and NMI", "A, interrupted for B, interrupted for C; A and B; C",
        workload([[.a], [.a, .b], [.c]], [2, 0, 0])
      ),
    ]
    return (queues + [("test-and-set", .testAndSet, .native)]).flatMap {
      name, waiting, unlocking in
      cases.map { title, bounds, workload in
        Check(
          group: .interrupts, name: "\(name), \(title)", bounds: bounds + ", SC",
          model: LockModel(waiting, unlocking, workload, .sequentialConsistency),
          isLong: waiting == .paravirtual,
          usualStates: waiting == .paravirtual ? 8_500_000 : nil)
      }
    }
  }
}
