import ModelChecker

// Breakages of the queues, one access each.
extension Mutant {
  // MARK: Native queue

  static var nativeQueue: [Mutant] {
    let three = Workload(acquisitions: [1, 1, 1])
    let more = Workload(acquisitions: [2, 2, 1])
    // One holds the lock, one waits in front of the queue, two are in it.
    let queued = Workload(acquisitions: [2, 1, 1, 1])
    func make(
      _ name: String, _ sentence: String, _ mutation: Mutation, _ workload: Workload
    ) -> Mutant {
      var model = LockModel(.native, .native, workload, .sequentialConsistency)
      model.mutation = mutation
      model.checksOrder = true
      model.checksPassing = true
      return Mutant(name: name, sentence: sentence, model: model)
    }
    return [
      make(
        "try-lock-torn", "The fast path looks and then writes.",
        .access(.compareExchange, .locked, writing: 1, .torn), three),
      make(
        "newcomer-ignores-pending",
        "The fast path does not look whether somebody waits in front of the queue.",
        .newcomerIgnoresPending, three),
      make(
        "newcomer-ignores-tail", "The fast path does not look whether there is a queue.",
        .newcomerIgnoresTail, queued),
      make(
        "pending-takes-by-store",
        "The pending waiter takes a lock that it has seen free by a plain store.",
        .pendingTakesByStore, three),
      make(
        "head-takes-by-store",
        "The head of the queue takes a lock that it has seen free by a plain store.",
        .headTakesByStore, queued),
      make(
        "queue-is-linux", "The queue is Linux's, and the fast path a program's.", .queueIsLinux,
        three),
      make(
        "pending-torn", "The pending bit is tested and set in two steps.",
        .access(.fetchOr, .whole, .torn), three),
      make(
        "pending-kept", "Who set the pending bit in vain does not clear it.",
        .access(.store, .pending, writing: 0, .omitted), more),
      make(
        "pending-not-left", "The pending waiter does not take the lock when it is free.",
        .access(.compareExchange, .lockedAndPending, writing: 1, .omitted), three),
      make(
        "tail-torn", "The tail is read and then written.",
        .access(.exchange, .tail, .torn), queued),
      make(
        "not-linked", "A waiter does not link itself behind the one before.",
        .access(.store, .next, .omitted), more),
      make(
        "head-not-told", "The next waiter is not told that it is the head.",
        .access(.store, .isHead, writing: 1, .omitted), more),
      make(
        "head-does-not-lock", "The head of the queue does not write the locked byte.",
        .headDoesNotLock, more),
      make(
        "unlock-wide", "The unlock clears the whole word.",
        .access(.store, .locked, writing: 0, .widened), three),
      make(
        "node-not-given-back", "A node is not given back.",
        .access(.store, .depth, writing: 0, .omitted), more),
    ]
  }

  // MARK: Paravirtual queue

  static var paravirtualQueue: [Mutant] {
    let two = Workload(acquisitions: [2, 2])
    let three = Workload(acquisitions: [1, 1, 1])
    let more = Workload(acquisitions: [2, 2, 1])
    func make(
      _ name: String, _ sentence: String, _ mutation: Mutation, _ workload: Workload,
      _ memoryModel: MemoryModel = .sequentialConsistency, harmless: String? = nil
    ) -> Mutant {
      var model = LockModel(.paravirtual, .paravirtual, workload, memoryModel)
      model.mutation = mutation
      model.checksStealing = memoryModel == .sequentialConsistency
      model.checksPassing = model.checksStealing
      return Mutant(name: name, sentence: sentence, model: model, harmless: harmless)
    }
    return [
      make("no-kick", "Nobody is kicked.", .noKick, two),
      make(
        "next-not-cleared", "A node's link is not cleared before it is used again.",
        .access(.store, .next, writing: 0, .omitted), more),
      make(
        "head-not-cleared", "A node still says that it is the head when it is used again.",
        .access(.store, .isHead, writing: 0, .omitted), more),
      make(
        "sleeps-without-looking", "A waiter sleeps without looking at its state again.",
        .sleepsWithoutLooking, two),
      make(
        "steal-torn", "A lock is stolen by looking and then writing.",
        .access(.compareExchange, .lockedAndPending, .torn), two),
      make(
        "steal-passes-head", "A lock is stolen from a head that spins.",
        .access(.compareExchange, .lockedAndPending, writing: 1, .narrowed), three),
      make(
        "newcomer-passes-queue", "The fast path does not look whether there is a queue.",
        .newcomerIgnoresTail, three),
      make(
        "unlock-torn", "The paravirtual unlock looks and then writes.",
        .access(.compareExchange, .locked, writing: 0, .torn), two),
      make(
        "slow-torn", "The head writes SLOW without seeing what it overwrites in the same step.",
        .access(.exchange, .locked, .torn), two),
      make(
        "state-not-reset", "An unlock kicks the head without setting its state to running.",
        .access(.exchange, .state, writing: 0, .omitted), two),
      make(
        "hash-entry-torn", "A free entry of the lock hash is found and then taken.",
        .access(.compareExchange, .hashLock, .torn), Self.sameSlot),
      make(
        "hash-entry-kept", "An entry stays in the lock hash.",
        .access(.store, .hashLock, writing: 0, .omitted), two),
      make(
        "hash-node-missing", "An entry of the lock hash does not say which node to wake.",
        .access(.store, .hashNode, .omitted), two),
      make(
        "last-torn", "The last in the queue leaves it by looking and then writing.",
        .access(.compareExchange, .whole, writing: 1, .torn), three),
      make(
        "slow-not-written", "A sleeping new head is entered in the hash, but the byte is not SLOW.",
        .access(.store, .locked, writing: 3, .omitted), three),
      make(
        "new-head-not-told", "A sleeping new head is not told that it is the head.",
        .access(.store, .isHead, .omitted), three),
      make(
        "halted-not-seen", "Who hands over does not look whether the next one sleeps.",
        .access(.compareExchange, .state, .omitted), three),
      make(
        "halts-by-store", "A waiter says that it halts by a plain store.",
        .access(.exchange, .state, writing: 1, .torn), three, .totalStoreOrder),
      make(
        "head-halts-by-store", "The head says that it halts by a plain store.",
        .access(.exchange, .state, writing: 2, .torn), two, .totalStoreOrder),
      make(
        "head-told-by-store", "The new head is told by a plain store.",
        .access(.exchange, .isHead, writing: 1, .torn), three, .totalStoreOrder,
        harmless: "The compare-exchange that follows is a full barrier on x86-64."),
      make(
        "running-by-store", "An unlock sets the head's state by a plain store.",
        .access(.exchange, .state, writing: 0, .torn), two, .totalStoreOrder,
        harmless: "A kick is a system call or an interrupt to another CPU: a full barrier."),
    ]
  }

  /// Two locks, so that two CPUs put entries into the lock hash at the same time.
  private static var sameSlot: Workload { Workload([[.a], [.a], [.b], [.b]]) }

  // MARK: Nesting

  static var nested: [Mutant] {
    var workload = Workload([[.a], [.a, .b]])
    workload.interrupts = [1, 0]
    var model = LockModel(.paravirtual, .paravirtual, workload, .sequentialConsistency)
    model.mutation = .access(.store, .depth, writing: 1, .omitted)
    return [
      Mutant(
        name: "one-node-for-all", sentence: "An interrupt uses the node of what it interrupted.",
        model: model)
    ]
  }
}
