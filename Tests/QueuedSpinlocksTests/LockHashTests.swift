import LockPlatform
import QueuedSpinlocks
import Testing

extension QueuedSpinlocksTests {
  /// The hash from locks to sleeping heads, seen through the queue that uses it.
  @Suite struct LockHashTests {
    /// Locks whose search begins at an entry, as many as asked for.
    private func locks(_ count: Int, from entry: UInt) -> [LockWord] {
      var found: [LockWord] = []
      for index in 0..<1024 where found.count < count {
        let lock = FakeMachine.lock(UInt(index))
        FakeMachine.whileHeadsSleep([lock]) {
          if FakeMachine.entry(of: lock) == entry { found.append(lock) }
          Paravirtual.unlock(lock)
        }
      }
      #expect(found.count == count)
      return found
    }

    private func isEmpty() -> Bool {
      (0..<FakeMachine.entries).allSatisfy {
        FakeMachine.get(FakeMachine.hash + $0 * 16, as: UInt64.self) == 0
      }
    }

    @Test func anEntryLeadsFromALockToTheNodeOfItsHead() throws {
      FakeMachine.reset()
      let lock = FakeMachine.lock(5)
      FakeMachine.whileHeadsSleep([lock]) {
        let node = FakeMachine.base + 64
        let entry = FakeMachine.entry(of: lock)
        #expect(
          entry.map { FakeMachine.get(FakeMachine.hash + $0 * 16 + 8, as: UInt64.self) }
            == UInt64(node))
        Paravirtual.unlock(lock)
        #expect(FakeMachine.kicked == [node + 12])
      }
      #expect(isEmpty())
    }

    @Test(arguments: [4, 8, 64] as [UInt]) func everyEntryIsWhereSomeSearchBegins(_ entries: UInt) {
      FakeMachine.reset(entries: entries)
      for entry in 0..<entries { #expect(locks(1, from: entry).count == 1) }
    }

    @Test func aSearchThatFailsAtTheLastEntryGoesOnAtTheFirst() {
      FakeMachine.reset()
      let locks = locks(3, from: 7)
      FakeMachine.whileHeadsSleep(locks) {
        #expect(locks.map(FakeMachine.entry) == [7, 0, 1])
        for lock in locks.reversed() { Paravirtual.unlock(lock) }
        #expect(isEmpty())
      }
    }

    @Test func locksThatCollideTakeTheNextFreeEntry() {
      FakeMachine.reset()
      let (first, second) = (locks(2, from: 3), locks(2, from: 4))
      let all = [first[0], second[0], first[1], second[1]]
      FakeMachine.whileHeadsSleep(all) {
        #expect(all.map(FakeMachine.entry) == [3, 4, 5, 6])
        for lock in all { Paravirtual.unlock(lock) }
        #expect(isEmpty())
      }
    }

    /// Removal leaves gaps, and entries behind them are found all the same.
    @Test func entriesAreRemovedInAnyOrder() {
      for order in permutations([0, 1, 2, 3]) {
        FakeMachine.reset()
        let locks = locks(4, from: 6)
        FakeMachine.whileHeadsSleep(locks) {
          for (count, index) in order.enumerated() {
            FakeMachine.kicked = []
            Paravirtual.unlock(locks[index])
            // The node of that lock's head, and no other.
            #expect(FakeMachine.kicked == [FakeMachine.base + 64 + UInt(index) * 64 + 12])
            for left in order[(count + 1)...] {
              #expect(FakeMachine.entry(of: locks[left]) != nil)
            }
          }
          #expect(isEmpty())
        }
        #expect(!FakeMachine.events.contains(.unbalancedUnlock))
      }
    }

    @Test func aGapIsUsedAgain() {
      FakeMachine.reset()
      let locks = locks(3, from: 2)
      FakeMachine.whileHeadsSleep([locks[0], locks[1]]) {
        Paravirtual.unlock(locks[0])
        FakeMachine.on(2) {
          FakeMachine.whileHeadsSleep([locks[2]]) {
            #expect(FakeMachine.entry(of: locks[2]) == 2)
            #expect(FakeMachine.entry(of: locks[1]) == 3)
            Paravirtual.unlock(locks[1])
            Paravirtual.unlock(locks[2])
          }
        }
      }
      #expect(isEmpty())
    }

    /// As many heads as there are entries: more than a machine's bound allows.
    @Test func theTableCanBeFull() {
      FakeMachine.reset()
      let locks = locks(8, from: 5)
      FakeMachine.whileHeadsSleep(locks) {
        #expect(locks.map(FakeMachine.entry) == [5, 6, 7, 0, 1, 2, 3, 4])
        for lock in locks { Paravirtual.unlock(lock) }
        #expect(isEmpty())
      }
      #expect(!FakeMachine.events.contains(.unbalancedUnlock))
    }

    /// What only an unlock of a lock that is not held can meet ends, is counted, and changes nothing.
    @Test func removalOfWhatIsNotThereEnds() {
      FakeMachine.reset()
      let locks = locks(8, from: 0)
      let absent = FakeMachine.lock(2000)
      FakeMachine.put(UInt32(3), absent.whole.address)
      FakeMachine.whileHeadsSleep(locks) {
        let before = FakeMachine.memory
        Paravirtual.unlock(absent)
        #expect(FakeMachine.events.last == .unbalancedUnlock)
        #expect(FakeMachine.memory == before)
        for lock in locks { Paravirtual.unlock(lock) }
      }
      Paravirtual.unlock(absent)
      #expect(FakeMachine.events.last == .unbalancedUnlock)
      #expect(FakeMachine.word(absent) == 3)
    }

    /// A head that finds the lock free when it is about to sleep takes its entry back.
    @Test func aHeadThatNeedNotSleepLeavesNoEntry() {
      FakeMachine.reset()
      let lock = FakeMachine.lock(0)
      #expect(lock.tryLock(on: FakeMachine.self))
      // The owner leaves between the head's last look at the byte and its exchange.
      FakeMachine.before = (
        .exchange, lock.whole.address, { FakeMachine.put(UInt8(0), lock.whole.address) }
      )
      FakeMachine.on(1) { Paravirtual.slowPath(lock) }
      #expect(FakeMachine.word(lock) == 1)
      #expect(isEmpty())
      #expect(!FakeMachine.events.contains(.halt))
    }

    private func permutations(_ values: [Int]) -> [[Int]] {
      guard values.count > 1 else { return [values] }
      return values.indices.flatMap { index in
        var rest = values
        let first = rest.remove(at: index)
        return permutations(rest).map { [first] + $0 }
      }
    }
  }
}
