import LockHarness
import Testing
import Tidelock
import TidelockNIO

/// A lock in NIO's shape, as the harness wants it.
private final class NIOShaped: LockUnderTest {
  private let lock = NIOLock()
  func acquire() { lock.lock() }
  func release() { lock.unlock() }
}

private final class Resource: Sendable {
  let ended: Flag
  init(_ ended: Flag) { self.ended = ended }
  deinit { ended.raise() }
}

private struct Refusal: Error {}

extension Library {
  /// Locks in NIO's shape exclude, follow a switch, release, and end what they hold.
  @Suite struct NIOShapedLocks {
    @Test func excludes() async {
      await #expect(processExitsWith: .success) {
        inOwnProcess {
          let harness = LockHarness(threads: 4, acquisitions: 2_000)
          let outcome = try harness.run(NIOShaped()) { _ throws(any Error) in
            for set: LockSet in [.paravirtual, .testAndSet, .native] {
              try LockOperations.switch(to: set)
            }
          }
          check(outcome.isExclusive, "not exclusive")
        }
      }
    }

    @Test func boxesCountEveryUpdate() async {
      await #expect(processExitsWith: .success) {
        inOwnProcess {
          let box = NIOLockedValueBox([0, 0])
          let workers = Workers(4) { _ in
            for _ in 0..<2_000 { box.withLockedValue { $0[0] += 1 } }
            for _ in 0..<2_000 {
              box.unsafe.lock()
              box.unsafe.withValueAssumingLockIsAcquired { $0[1] += 1 }
              box.unsafe.unlock()
            }
          }
          try LockOperations.switch(to: .paravirtual)
          workers.join()
          check(box.withLockedValue { $0 }, is: [8_000, 8_000], "the counts")
        }
      }
    }

    @Test func throwingReleases() {
      let box = NIOLockedValueBox(1)
      let lock = NIOLock()
      for _ in 0..<2 {
        #expect(throws: Refusal.self) { try box.withLockedValue { _ in throw Refusal() } }
        #expect(throws: Refusal.self) { try lock.withLock { throw Refusal() } }
        #expect(throws: Refusal.self) { try lock.withLockVoid { throw Refusal() } }
      }
      #expect(lock.withLock { box.withLockedValue { $0 } } == 1)
    }

    @Test func copiesAreTheSame() {
      let box = NIOLockedValueBox(1)
      let copy = box
      copy.withLockedValue { $0 = 2 }
      #expect(box.withLockedValue { $0 } == 2)
    }

    @Test func valuesEnd() {
      let ended = Flag()
      do {
        let box = NIOLockedValueBox(Resource(ended))
        #expect(box.withLockedValue { !$0.ended.isRaised })
      }
      #expect(ended.isRaised)
    }
  }
}
