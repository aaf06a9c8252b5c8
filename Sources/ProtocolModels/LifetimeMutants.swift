import LockPlatform
import ModelChecker

// Breakages of what outlives what: locks that are freed, nodes and numbers that are given back,
// entries of the hash.
extension Mutant {
  private static func make(
    _ name: String, _ sentence: String, _ mutation: Mutation, _ waiting: Waiting,
    _ workload: Workload, _ change: (inout LockModel) -> Void = { _ in }
  ) -> Mutant {
    let unlocking = waiting == .paravirtual ? Unlocking.paravirtual : .native
    var model = LockModel(waiting, unlocking, workload, .sequentialConsistency)
    model.mutation = mutation
    model.touchesData = false
    change(&model)
    return Mutant(name: name, sentence: sentence, model: model)
  }

  static var lifetime: [Mutant] { freedLocks + nodes + numbers + hash + handlers }

  private static let one = Workload(acquisitions: [1, 1])

  // MARK: Locks

  private static var freedLocks: [Mutant] {
    var woken = one
    woken.spuriousWakeUps = 1
    var wokenThree = Workload(acquisitions: [1, 1, 1])
    wokenThree.spuriousWakeUps = 1
    return [
      make(
        "unlock-looks-again", "The native unlock reads the lock after it has released it.",
        .access(.store, .locked, writing: 0, .looked), .native, one, { $0.freesLocks = true }),
      make(
        "unlock-twice", "The native unlock releases the lock twice.",
        .access(.store, .locked, writing: 0, .again), .native, one, { $0.freesLocks = true }),
      make(
        "unlock-twice-buffered", "The native unlock releases the lock twice, into a store buffer.",
        .access(.store, .locked, writing: 0, .again), .testAndSet, one,
        {
          $0.freesLocks = true
          $0.memoryModel = .totalStoreOrder
        }),
      make(
        "fast-unlock-looks-again",
        "The paravirtual unlock reads the lock after it has released it.",
        .access(.compareExchange, .locked, writing: 0, .looked), .paravirtual, one,
        { $0.freesLocks = true }),
      make(
        "slow-unlock-looks-again",
        "The paravirtual unlock reads the lock after it has released it under a sleeping head.",
        .access(.store, .locked, writing: 0, .looked), .paravirtual, woken,
        { $0.freesLocks = true }),
      make(
        "slow-unlock-twice",
        "The paravirtual unlock releases a lock twice whose queue's head sleeps.",
        .access(.store, .locked, writing: 0, .again), .paravirtual, woken,
        { $0.freesLocks = true }),
      make(
        "entry-removed-late", "An unlock frees the lock before it removes its entry from the hash.",
        .entryRemovedLate, .paravirtual, wokenThree),
    ] + whileSwitching
  }

  private static var whileSwitching: [Mutant] {
    func make(
      _ name: String, _ sentence: String, _ mutation: Mutation, _ from: LockSet, _ to: LockSet
    ) -> Mutant {
      var model = Check.freedWhileSwitching(isKernel: false, from, to)
      model.mutation = mutation
      return Mutant(name: name, sentence: sentence, model: model)
    }
    return [
      make(
        "unlock-looks-again-upward",
        "An unlock reads the lock after it has released it, while sites become paravirtual.",
        .access(.compareExchange, .locked, writing: 0, .looked), .native, .paravirtual),
      make(
        "unlock-looks-again-downward",
        "An unlock reads the lock after it has released it, while sites become native.",
        .access(.compareExchange, .locked, writing: 0, .looked), .paravirtual, .native),
    ]
  }

  // MARK: Nodes

  private static var nodes: [Mutant] {
    let three = Workload(acquisitions: [1, 1, 1])
    // One holds the lock, one waits in front of the queue, two are in it.
    let queued = Workload(acquisitions: [1, 1, 1, 1])
    var woken = three
    woken.spuriousWakeUps = 1
    var wokenTwice = Workload(acquisitions: [1, 1])
    wokenTwice.spuriousWakeUps = 2
    return [
      make(
        "native-node-given-back-early", "A node is given back before the queue is handed over.",
        .nodeGivenBackEarly, .native, queued),
      make(
        "node-given-back-early",
        "A node of the paravirtual queue is given back before the queue is handed over.",
        .nodeGivenBackEarly, .paravirtual, three),
      make(
        "node-taken-late", "A node counts as taken only once it has been cleared.",
        .depthRaisedLate, .paravirtual, one),
      make(
        "woken-is-head", "A waiter that is woken for no reason takes itself for the head.",
        .wokenIsHead, .paravirtual, woken),
      make(
        "head-forgets-entry",
        "A head that wakes for no reason enters the hash though its entry is still there.",
        .headForgetsEntry, .paravirtual, wokenTwice),
    ] + timedWaits
  }

  private static var timedWaits: [Mutant] {
    func make(_ name: String, _ sentence: String, _ mutation: Mutation) -> Mutant {
      var model = Check.nativeUnlockBesideTimedWaits([1, 1, 1])
      model.mutation = mutation
      model.touchesData = false
      return Mutant(name: name, sentence: sentence, model: model)
    }
    return [
      make(
        "head-leaves-entry", "A head that nobody woke leaves its entry in the hash.",
        .headLeavesEntry),
      make(
        "entry-not-told", "The owner enters the next head in the hash and does not say where.",
        .entryNotTold),
    ]
  }

  // MARK: Numbers

  private static var numbers: [Mutant] {
    var numberless = Workload(acquisitions: [1, 1, 1])
    numberless.numbers = [0, 1, nil]
    var passing = Workload(acquisitions: [2, 1, 1])
    passing.numbers = [0, 1, nil]
    var exiting = Workload([[.a], [.a, .exit], [.enroll, .a]])
    exiting.numbers = [0, 1, 1]
    return [
      make(
        "numberless-takes-zero", "A CPU without a number uses the nodes of CPU 0.",
        .numberlessTakesZero, .paravirtual, numberless),
      make(
        "head-looks-once",
        "A head that finds the pending bit set in vain waits for a node that nobody links.",
        .headLooksOnce, .native, passing),
      make(
        "two-of-one-number", "Two threads have the same number.", .twoOfOneNumber, .paravirtual,
        Workload(acquisitions: [1, 1, 1])),
      make(
        "number-given-back-early", "A thread gives its number back before it hands its queue over.",
        .numberGivenBackEarly, .paravirtual, exiting),
    ]
  }

  // MARK: Hash

  private static var hash: [Mutant] {
    let wraps = Workload([[.a], [.a, .releaseD]])
    let gaps = Workload([[.a], [.a], [.releaseD]])
    return [
      make(
        "hash-does-not-wrap", "A search of the lock hash stays at the last entry.",
        .hashDoesNotWrap, .paravirtual, wraps),
      make(
        "hash-search-ends-at-gap", "A removal from the lock hash ends at the first free entry.",
        .hashSearchEndsAtGap, .paravirtual, gaps),
      make(
        "hash-read-after-free", "A removal frees its entry of the lock hash before it reads it.",
        .hashReadAfterFree, .paravirtual, gaps),
      make(
        "hash-not-entered", "A head sleeps without an entry in the lock hash.",
        .access(.compareExchange, .hashLock, .omitted), .paravirtual, one),
    ]
  }

  // MARK: Handlers

  private static var handlers: [Mutant] {
    var interrupted = Workload([[.a], [.a, .b], [.b]])
    interrupted.interrupts = [1, 0, 0]
    var fifth = interrupted
    fifth.nodesInUse = [3, 0, 0]
    var short = Workload([[.a], [.a, .b]])
    short.interrupts = [1, 0]
    // One holds A, then B; two are in A's queue.
    var queued = Workload([[.a], [.a], [.a, .b]])
    queued.interrupts = [1, 0, 0]
    // What the checks of lifetimes see at once, seen by what comes of it.
    func behaves(_ model: inout LockModel) { model.checksLifetime = false }
    return [
      make(
        "fifth-context-shares-node", "A fifth context uses the node of the fourth.",
        .fifthContextSharesNode, .paravirtual, fifth, behaves),
      make(
        "no-node-passes-queue",
        "The fast path, and a context without a node, take a lock whose byte is 0.",
        .access(.compareExchange, .whole, writing: 1, .narrowed), .native, fifth,
        {
          behaves(&$0)
          // A program's queue would only be passed.
          $0.isKernel = true
        }),
      make(
        "handler-frees-all-nodes", "A handler that gives its node back gives back all of its CPU.",
        .depthCleared, .paravirtual, short),
      make(
        "kick-missed-in-handler", "A kick is lost if its CPU is in a handler.", .kickMissesHandler,
        .paravirtual, short),
      make(
        "interrupted-hand-over",
        "A node is given back before the queue is handed over, and a handler takes it.",
        .nodeGivenBackEarly, .paravirtual, queued, behaves),
    ]
  }
}
