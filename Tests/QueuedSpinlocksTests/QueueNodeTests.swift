import LockPlatform
import QueuedSpinlocks
import Testing

extension QueuedSpinlocksTests {
  /// The nodes of a CPU: one for each context that can be nested on it.
  @Suite struct QueueNodeTests {
    private func depth(_ cpu: UInt32) -> UInt32 {
      FakeMachine.get(FakeMachine.queueArea(of: CPUNumber(cpu)))
    }

    @Test func eachNestedContextHasANodeOfItsOwn() {
      FakeMachine.reset()
      let locks = (0..<4).map { FakeMachine.lock($0) }
      FakeMachine.whileHeadsSleep(locks) {
        #expect(depth(0) == 4)
        // CPU number plus one in the upper 14 bits, nesting level in the lower two.
        #expect(locks.map { FakeMachine.word($0) >> 16 } == [4, 5, 6, 7])
        for lock in locks { Paravirtual.unlock(lock) }
        #expect(FakeMachine.kicked == (1...4).map { FakeMachine.base + $0 * 64 + 12 })
      }
      #expect(depth(0) == 0)
    }

    @Test func depthIsRestoredLevelByLevel() {
      FakeMachine.reset()
      let (outer, inner) = (FakeMachine.lock(0), FakeMachine.lock(1))
      FakeMachine.whileHeadsSleep([outer]) {
        #expect(depth(0) == 1)
        FakeMachine.whileHeadsSleep([inner]) {
          #expect(depth(0) == 2)
          Paravirtual.unlock(inner)
        }
        #expect(depth(0) == 1)
        Paravirtual.unlock(outer)
      }
      #expect(depth(0) == 0)
    }

    /// It takes the lock all the same, without a node, when the whole word is 0.
    @Test(arguments: [false, true]) func aFifthContextHasNone(_ isNative: Bool) {
      FakeMachine.reset()
      let locks = (0..<4).map { FakeMachine.lock($0) }
      let fifth = FakeMachine.lock(9)
      // A queue of others: a tail, and the lock held.
      FakeMachine.put(UInt32(9 << 18 | 1), fifth.whole.address)
      FakeMachine.whileHeadsSleep(locks) {
        let before = FakeMachine.memory
        FakeMachine.events = []
        var pauses = 0
        FakeMachine.onPause = {
          pauses += 1
          // Free, but queued for: not for us. Then the queue is gone.
          if pauses == 3 { FakeMachine.put(UInt32(9 << 18), fifth.whole.address) }
          if pauses == 6 { FakeMachine.put(UInt32(0), fifth.whole.address) }
        }
        isNative ? Native.slowPath(fifth) : Paravirtual.slowPath(fifth)
        FakeMachine.onPause = {}
        #expect(pauses >= 6)
        #expect(FakeMachine.events == [.noNode])
        #expect(FakeMachine.word(fifth) == 1)
        FakeMachine.put(UInt32(9 << 18 | 1), fifth.whole.address)
        #expect(FakeMachine.memory == before)
        for lock in locks { Paravirtual.unlock(lock) }
      }
    }

    @Test(arguments: [false, true]) func aCPUWithoutANumberHasNone(_ isNative: Bool) {
      FakeMachine.reset()
      let lock = FakeMachine.lock(0)
      FakeMachine.put(UInt32(9 << 18 | 1), lock.whole.address)
      FakeMachine.onPause = { FakeMachine.put(UInt32(0), lock.whole.address) }
      FakeMachine.on(nil) { isNative ? Native.slowPath(lock) : Paravirtual.slowPath(lock) }
      #expect(FakeMachine.events.filter { $0 != .steal } == [.noNode])
      #expect(FakeMachine.word(lock) == 1)
      #expect(FakeMachine.accesses.allSatisfy { $0.address == lock.whole.address })
    }

    /// What an earlier use has left in a node is gone before anybody can see the node.
    @Test(arguments: [false, true]) func aNodeIsClearedBeforeItIsPublished(_ isNative: Bool) {
      FakeMachine.reset()
      let lock = FakeMachine.lock(0)
      let node = FakeMachine.base + 64
      FakeMachine.put(UInt64(0xdead), node)
      FakeMachine.put(UInt32(1), node + 8)
      FakeMachine.put(UInt32(1), node + 12)
      // Held, and somebody waits in front of the queue.
      FakeMachine.put(UInt32(0x101), lock.whole.address)
      var isCleared = false
      FakeMachine.before = (
        .exchange, lock.whole.address + 2,
        {
          isCleared =
            FakeMachine.get(node, as: UInt64.self) == 0
            && FakeMachine.get(node + 8, as: UInt64.self) == 0
          FakeMachine.put(UInt32(0), lock.whole.address)
        }
      )
      isNative ? Native.slowPath(lock) : Paravirtual.slowPath(lock)
      #expect(isCleared)
      #expect(FakeMachine.word(lock) == 1)
      #expect(depth(0) == 0)
    }

    /// An interrupt may come at any moment: it must find the node taken before it is written.
    @Test func aNodeIsTakenBeforeItIsWritten() throws {
      FakeMachine.reset()
      let lock = FakeMachine.lock(0)
      FakeMachine.put(UInt32(0x101), lock.whole.address)
      FakeMachine.before = (
        .exchange, lock.whole.address + 2, { FakeMachine.put(UInt32(0), lock.whole.address) }
      )
      Native.slowPath(lock)
      let stores = FakeMachine.accesses.filter { $0.kind == .store }.map(\.address)
      let area = FakeMachine.base..<FakeMachine.base + PerCPUArea.size
      #expect(stores.first { area.contains($0) } == FakeMachine.base)
      // And it is given back last.
      #expect(stores.last { area.contains($0) } == FakeMachine.base)
      let last = try #require(stores.lastIndex(of: FakeMachine.base))
      #expect(stores[last...].allSatisfy { !(area.lowerBound + 1..<area.upperBound).contains($0) })
    }

    /// The highest number that a tail can name, in its last context.
    @Test func theHighestNumberFits() {
      FakeMachine.reset()
      let highest = CPUNumber.limit - 1
      let lock = FakeMachine.lock(0)
      FakeMachine.put(UInt32(3), FakeMachine.farArea)
      #expect(lock.tryLock(on: FakeMachine.self))
      FakeMachine.onWait = [
        {
          #expect(FakeMachine.word(lock) == 0xffff_0003)
          FakeMachine.on(0) { Paravirtual.unlock(lock) }
          #expect(FakeMachine.kicked == [FakeMachine.farArea + 64 * 4 + 12])
        }
      ]
      FakeMachine.on(highest) { Paravirtual.slowPath(lock) }
      #expect(FakeMachine.word(lock) == 1)
      #expect(FakeMachine.get(FakeMachine.farArea) == UInt32(3))
    }
  }
}
