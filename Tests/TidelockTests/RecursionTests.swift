import LockHarness
import LockSites
import TestShims
import Testing
import Tidelock

extension Library {
  /// A thread that takes a lock again would wait for itself for ever.
  ///
  /// Debug builds end with a message.
  @Suite(.enabled(if: !test_is_optimized(), "needs a debug build"))
  struct Recursion {
    @Test func ofAMutex() async throws {
      let outcome = await #expect(
        processExitsWith: .failure, observing: [\.standardErrorContent]
      ) {
        test_deadline(10)
        let mutex = Mutex(0)
        mutex.withLock { _ in mutex.withLock { $0 += 1 } }
      }
      try expectMessage(outcome)
    }

    @Test(arguments: LockSet.allCases) func ofASpinlock(set: LockSet) async throws {
      let outcome = await #expect(
        processExitsWith: .failure, observing: [\.standardErrorContent]
      ) { [set] in
        test_deadline(10)
        try LockOperations.switch(to: set)
        let lock = unsafe Spinlock()
        _ = unsafe lock.tryLock()
        unsafe lock.lock()
      }
      try expectMessage(outcome)
    }

    private func expectMessage(_ outcome: ExitTest.Result?) throws {
      let said = String(decoding: try #require(outcome).standardErrorContent, as: UTF8.self)
      #expect(said.contains("takes a lock that it already holds"), "\(said)")
    }
  }

  /// What looks like recursion and is not goes on, in every build.
  @Suite struct NoRecursion {
    @Test func others() async {
      await #expect(processExitsWith: .success) {
        inOwnProcess {
          let outer = Mutex(0)
          let inner = Mutex(0)
          for _ in 0..<3 {
            outer.withLock { _ in
              check(outer.withLockIfAvailable { $0 } == nil, "a lock that is held was taken")
              inner.withLock { $0 += 1 }
            }
          }
          // More than the account has places for, released in no order.
          let locks = SharedWords(40)
          let spinlocks = (0..<40).map { locks.address($0) }
          for lock in spinlocks { lockNoted(lock) }
          for lock in spinlocks.shuffled() { unlockNoted(lock) }
          for lock in spinlocks {
            lockNoted(lock)
            unlockNoted(lock)
          }
          // Another thread waits for this one, not for itself.
          let reached = Flag()
          let other = outer.withLock { _ in
            let other = Workers(1) { _ in
              reached.raise()
              outer.withLock { $0 += 1 }
            }
            wait { reached.isRaised }
            return other
          }
          other.join()
          check(outer.withLock { $0 } == 1 && inner.withLock { $0 } == 3, "updates are lost")
        }
      }
    }
  }
}

/// As `Spinlock` does it, on a word in memory.
private func lockNoted(_ lock: UInt) {
  _ = tidelock_check_not_held(lock)
  tidelock_lock(lock)
  _ = tidelock_note_held(lock)
}

private func unlockNoted(_ lock: UInt) {
  _ = tidelock_note_released(lock)
  tidelock_unlock(lock)
}
