import LockPlatform
import QueuedSpinlocks
import Testing

extension QueuedSpinlocksTests {
  /// The lock word: (tail, pending, locked), and who changes which part of it when.
  @Suite struct LockWordTests {
    private let lock: LockWord

    init() {
      FakeMachine.reset()
      lock = FakeMachine.lock(3)
    }

    private func put(_ word: UInt32) { FakeMachine.put(word, lock.whole.address) }
    private var word: UInt32 { FakeMachine.word(lock) }

    @Test(arguments: [0, 1, 3, 0x100, 0x101, 0x1_0000, 0x4_0000, 0xffff_0000] as [UInt32])
    func onlyALockWhoseWholeWordIsZeroIsFree(_ before: UInt32) {
      put(before)
      #expect(lock.tryLock(on: FakeMachine.self) == (before == 0))
      #expect(word == (before == 0 ? 1 : before))
    }

    // MARK: A program's fast path

    @Test(arguments: [0, 1, 3, 0x100, 0x101, 0x1_0000, 0x4_0000, 0xffff_0000] as [UInt32])
    func aNewcomerTakesTheByteIfItSeesNobodyWait(_ before: UInt32) {
      put(before)
      #expect(lock.tryLockByte(on: FakeMachine.self) == (before == 0))
      #expect(word == (before == 0 ? 1 : before))
    }

    /// No access is wider than the stores to its place: a processor forwards none of one byte to four.
    @Test func aNewcomerReadsNoByteTogetherWithOneThatIsStoredAlone() {
      #expect(lock.tryLockByte(on: FakeMachine.self))
      let word = lock.whole.address
      #expect(FakeMachine.accesses.map(\.address) == [word + 1, word + 2, word])
      #expect(FakeMachine.accesses.map(\.kind) == [.load, .load, .compareExchange])
      #expect(FakeMachine.widths == [1, 2, 1])
    }

    @Test(arguments: [0x100, 0x4_0000] as [UInt32])
    func whoComesToWaitAfterTheLookMayBePassedOnce(_ waiter: UInt32) {
      FakeMachine.before = (.compareExchange, lock.whole.address, { put(waiter) })
      #expect(lock.tryLockByte(on: FakeMachine.self))
      #expect(word == waiter | 1)
      Native.unlock(lock)
      #expect(!lock.tryLockByte(on: FakeMachine.self))
      #expect(word == waiter)
    }

    // MARK: Unlocking

    @Test(arguments: [1, 0x101, 0x4_0001, 0x4_0101] as [UInt32])
    func anUnlockClearsTheLockedByteOnly(_ before: UInt32) {
      put(before)
      Native.unlock(lock)
      #expect(word == before & ~0xff)
      put(before)
      Paravirtual.unlock(lock)
      #expect(word == before & ~0xff)
      #expect(FakeMachine.kicked.isEmpty)
    }

    /// The lock may be freed as soon as its byte is 0.
    @Test func anUnlockDoesNotTouchTheLockAfterItHasReleasedIt() throws {
      put(1)
      Native.unlock(lock)
      #expect(FakeMachine.accesses.map(\.address) == [lock.whole.address])
      put(1)
      FakeMachine.accesses = []
      Paravirtual.unlock(lock)
      #expect(FakeMachine.accesses.map(\.address) == [lock.whole.address])
      put(0)

      var released: [(kind: FakeMachine.Access, address: UInt)] = []
      FakeMachine.whileHeadsSleep([lock]) { [lock] in
        FakeMachine.accesses = []
        // Just before the byte is freed, the entry is gone already.
        FakeMachine.before = (
          .store, lock.whole.address, { #expect(FakeMachine.entry(of: lock) == nil) }
        )
        Paravirtual.unlock(lock)
        released = FakeMachine.accesses
      }
      let last = try #require(
        released.lastIndex { $0.kind == .store && $0.address == lock.whole.address })
      let bytes = lock.whole.address..<lock.whole.address + 4
      #expect(released[(last + 1)...].map(\.address) == [FakeMachine.base + 64 + 12])
      #expect(released[(last + 1)...].allSatisfy { !bytes.contains($0.address) })
    }

    @Test func anUnlockOfAFreeLockIsCounted() {
      Paravirtual.unlock(lock)
      #expect(FakeMachine.events == [.unbalancedUnlock])
      #expect(word == 0)
    }

    // MARK: The native queue

    @Test func theFirstWaiterWaitsOnThePendingBit() {
      put(1)
      FakeMachine.onPause = { [lock] in
        #expect(FakeMachine.word(lock) == 0x101)
        FakeMachine.on(1) { Native.unlock(lock) }
      }
      Native.slowPath(lock)
      #expect(word == 1)
      #expect(!FakeMachine.events.contains(.queued))
    }

    @Test func aWaiterBehindThePendingOneQueues() {
      put(0x101)
      FakeMachine.onPause = { [lock] in
        #expect(FakeMachine.word(lock) >> 16 == 4)
        // The pending waiter takes the lock, and releases it.
        switch FakeMachine.word(lock) & 0xffff {
        case 0x101: FakeMachine.put(UInt8(0), lock.whole.address)
        case 0x100: FakeMachine.put(UInt16(1), lock.whole.address)
        default: FakeMachine.put(UInt8(0), lock.whole.address)
        }
      }
      Native.slowPath(lock)
      #expect(word == 1)
      #expect(FakeMachine.events == [.queued])
    }

    /// The bit that was set in vain is cleared by whoever set it, and by nobody else.
    @Test(arguments: [false, true]) func thePendingBitIsClearedByItsOwner(_ isOthers: Bool) {
      put(1)
      let others: UInt32 = isOthers ? 0x9_0101 : 0x9_0001
      var seen: UInt32?
      let joining = { [lock] in
        seen = FakeMachine.word(lock)
        FakeMachine.put(UInt32(0), lock.whole.address)
      }
      FakeMachine.before = (
        .fetchOr, lock.whole.address,
        { [lock] in
          FakeMachine.put(others, lock.whole.address)
          FakeMachine.before = (.exchange, lock.whole.address + 2, joining)
        }
      )
      Native.slowPath(lock)
      #expect(seen == others)
      #expect(word == 1)
    }

    /// A CPU without a node sets the pending bit in vain and queues nowhere: the head must not wait
    /// for it to link a node.
    @Test func aHeadOutlivesAPendingBitThatIsSetInVain() {
      put(0x101)
      // The pending waiter comes and goes.
      FakeMachine.before = (
        .exchange, lock.whole.address + 2,
        { [lock] in FakeMachine.put(UInt32(0), lock.whole.address) }
      )
      var pauses = 0
      FakeMachine.onPause = { [lock] in
        pauses += 1
        FakeMachine.put(UInt8(0), lock.whole.address + 1)
        // Else it would wait for ever.
        guard pauses > 100 else { return }
        FakeMachine.put(UInt64(FakeMachine.base + 128), FakeMachine.base + 64)
        Issue.record("the head waits for a node that nobody links")
      }
      // Just before the head takes the lock as the last one.
      beforeTaking { [lock] in
        FakeMachine.put(UInt8(1), lock.whole.address + 1)
      }
      Native.slowPath(lock)
      #expect(word == 1)
    }

    /// Does something before the compare-exchange of the whole word, behind what is planned.
    private func beforeTaking(_ action: @escaping () -> Void) {
      let first = FakeMachine.before
      FakeMachine.before = first.map { planned in
        (
          planned.kind, planned.address,
          { [lock] in
            planned.action()
            FakeMachine.before = (.compareExchange, lock.whole.address, action)
          }
        )
      }
    }

    /// Hands over to the node behind, after the lock is taken.
    @Test func theHeadTellsTheNextOne() {
      put(0x101)
      let (node, next) = (FakeMachine.base + 64, FakeMachine.queueArea(of: CPUNumber(2)) + 64)
      FakeMachine.before = (
        .exchange, lock.whole.address + 2,
        { [lock] in FakeMachine.put(UInt32(0), lock.whole.address) }
      )
      var isTold = false
      FakeMachine.onPause = {}
      let joins = { [lock] in
        FakeMachine.put(UInt16(3 << 2), lock.whole.address + 2)
        FakeMachine.put(UInt64(next), node)
        FakeMachine.before = (
          .store, next + 8,
          {
            isTold = true
            #expect(FakeMachine.word(lock) == 3 << 18 | 1)
          }
        )
      }
      beforeTaking(joins)
      Native.slowPath(lock)
      #expect(isTold)
      #expect(FakeMachine.get(next + 8) == UInt32(1))
      #expect(word == 3 << 18 | 1)
    }

    /// A newcomer has the byte before the pending waiter, who has seen it free.
    @Test func thePendingWaiterClaimsTheByte() {
      put(1)
      var owners = 1
      // The first pause: the owner goes. The second: the newcomer does.
      FakeMachine.onPause = { [lock] in
        owners -= 1
        FakeMachine.on(1) { Native.unlock(lock) }
      }
      FakeMachine.before = (
        .compareExchange, lock.whole.address,
        { [lock] in
          owners += 1
          #expect(FakeMachine.word(lock) == 0x100)
          FakeMachine.put(UInt8(1), lock.whole.address)
        }
      )
      Native.slowPath(lock)
      #expect(owners == 0)
      #expect(word == 1)
    }

    /// The same before the head of the queue, somebody being behind it.
    @Test func theHeadClaimsTheByte() {
      put(0x101)
      let (node, next) = (FakeMachine.base + 64, FakeMachine.queueArea(of: CPUNumber(2)) + 64)
      var owners = 1
      let passes = { [lock] in
        owners += 1
        #expect(FakeMachine.word(lock) == 3 << 18)
        FakeMachine.put(UInt8(1), lock.whole.address)
      }
      FakeMachine.before = (
        .exchange, lock.whole.address + 2,
        { [lock] in
          // The owner and the pending waiter go. Behind our back somebody joins.
          owners -= 1
          FakeMachine.put(UInt32(0), lock.whole.address)
          FakeMachine.before = (
            .load, lock.whole.address,
            { [lock] in
              FakeMachine.put(UInt16(3 << 2), lock.whole.address + 2)
              FakeMachine.put(UInt64(next), node)
              FakeMachine.before = (.compareExchange, lock.whole.address, passes)
            }
          )
        }
      )
      FakeMachine.onPause = { [lock] in
        owners -= 1
        FakeMachine.on(1) { Native.unlock(lock) }
      }
      Native.slowPath(lock)
      #expect(owners == 0)
      #expect(word == 3 << 18 | 1)
      #expect(FakeMachine.get(next + 8) == UInt32(1))
    }

    // MARK: The paravirtual queue

    @Test func aHeadThatSpinsSetsThePendingBitAndClearsItWhenItSleeps() {
      #expect(lock.tryLock(on: FakeMachine.self))
      var seen: [UInt32] = []
      FakeMachine.onPause = { [lock] in seen.append(FakeMachine.word(lock)) }
      FakeMachine.onWait = [
        { [lock] in
          seen.append(FakeMachine.word(lock))
          Paravirtual.unlock(lock)
        }
      ]
      FakeMachine.on(1) { Paravirtual.slowPath(lock) }
      // Stealing, spinning as the head, asleep.
      #expect(seen == [1, 0x8_0101, 0x8_0003])
      #expect(word == 1)
    }

    /// Woken for nothing, a head sleeps again; its one entry stays.
    @Test func aHeadThatIsWokenForNothingSleepsAgain() {
      #expect(lock.tryLock(on: FakeMachine.self))
      var wakeUps = 0
      let again = { [lock] in
        wakeUps += 1
        #expect(
          (0..<8).filter { FakeMachine.get(FakeMachine.hash + $0 * 16) != UInt32(0) }.count == 1)
        if wakeUps == 3 { Paravirtual.unlock(lock) }
      }
      FakeMachine.onWait = [again, again, again]
      FakeMachine.on(1) { Paravirtual.slowPath(lock) }
      #expect(wakeUps == 3)
      #expect(word == 1)
    }

    @Test func aLockIsStolenFromAQueueWhoseHeadSleepsByWhoeverHadATurn() {
      // Nobody's turn is fresh here, but a CPU without a number has none to lose.
      put(9 << 18)
      FakeMachine.on(nil) { Paravirtual.slowPath(lock) }
      #expect(word == 9 << 18 | 1)
      #expect(FakeMachine.events == [.steal])
    }
  }

  /// The slow path that never queues.
  @Suite struct TestAndSetTests {
    private let lock: LockWord

    init() {
      FakeMachine.reset()
      lock = FakeMachine.lock(0)
    }

    @Test func itTakesAFreeLockWithoutLookingWhetherItIsInPlace() {
      #expect(TestAndSet<FakeMachine>.wait(lock, while: { false }, resting: { _ in }))
      #expect(FakeMachine.word(lock) == 1)
    }

    @Test(arguments: [1, 0x100, 0x4_0000] as [UInt32])
    func itNeverPassesAWaiter(_ word: UInt32) {
      FakeMachine.put(word, lock.whole.address)
      var rests: [UInt32] = []
      let isTaken = TestAndSet<FakeMachine>.wait(
        lock, while: { rests.count < 3 }, resting: { rests.append($0) })
      #expect(!isTaken)
      #expect(rests == [0, 1, 2])
      #expect(FakeMachine.word(lock) == word)
      // Looking writes nothing: the line stays shared.
      #expect(FakeMachine.accesses.allSatisfy { $0.kind == .load })
    }

    @Test func itGoesOnTryingUntilTheLockIsFree() {
      FakeMachine.put(UInt32(1), lock.whole.address)
      let isTaken = TestAndSet<FakeMachine>.wait(
        lock, while: { true },
        resting: { [lock] in if $0 == 4 { FakeMachine.put(UInt32(0), lock.whole.address) } })
      #expect(isTaken)
      #expect(FakeMachine.word(lock) == 1)
    }

    /// Somebody comes first between the look and the attempt.
    @Test func anAttemptThatFailsIsNone() {
      FakeMachine.before = (
        .compareExchange, lock.whole.address,
        { [lock] in FakeMachine.put(UInt32(0x4_0000), lock.whole.address) }
      )
      var looks = 0
      let isTaken = TestAndSet<FakeMachine>.wait(
        lock,
        while: {
          looks += 1
          return looks < 3
        }, resting: { _ in })
      #expect(!isTaken)
      #expect(FakeMachine.word(lock) == 0x4_0000)
    }
  }

  /// Locks whose waiters are gone: in the child of a fork.
  @Suite struct AbandonedQueueTests {
    @Test(
      arguments: [(0x4_0101, 1), (0x4_0000, 0), (0x100, 0), (1, 1), (0, 0)] as [(UInt32, UInt32)])
    func waitersAreRemovedAndTheHolderStays(_ before: UInt32, _ after: UInt32) {
      FakeMachine.reset()
      let lock = FakeMachine.lock(0)
      FakeMachine.put(before, lock.whole.address)
      AbandonedQueue<FakeMachine>.dissolve(lock)
      #expect(FakeMachine.word(lock) == after)
    }

    @Test func theEntryOfASleepingHeadGoesAndOthersStay() {
      FakeMachine.reset()
      let (lock, other) = (FakeMachine.lock(0), FakeMachine.lock(1))
      FakeMachine.whileHeadsSleep([other, lock]) {
        // Two, as a removal leaves them that was cut short.
        let free = (0..<8).first { FakeMachine.get(FakeMachine.hash + $0 * 16) == UInt32(0) }
        if let free {
          FakeMachine.put(UInt64(lock.whole.address), FakeMachine.hash + free * 16)
        }
        let word = FakeMachine.word(lock)
        #expect(word == 5 << 16 | 3)
        AbandonedQueue<FakeMachine>.dissolve(lock)
        #expect(FakeMachine.word(lock) == 1)
        #expect(FakeMachine.entry(of: lock) == nil)
        #expect(FakeMachine.entry(of: other) != nil)
        // As if it had not been dissolved, for the rest of this test.
        FakeMachine.put(word & ~0xff, lock.whole.address)
        Paravirtual.unlock(other)
      }
    }

    @Test func theNodesOfACPUThatIsGoneAreFreed() {
      FakeMachine.reset()
      let area = FakeMachine.queueArea(of: CPUNumber(2))
      FakeMachine.put(UInt32(3), area)
      FakeMachine.put(UInt32(1), FakeMachine.queueArea(of: CPUNumber(1)))
      AbandonedQueue<FakeMachine>.forget(CPUNumber(2))
      #expect(FakeMachine.get(area) == UInt32(0))
      #expect(FakeMachine.get(FakeMachine.queueArea(of: CPUNumber(1))) == UInt32(1))
    }
  }
}
