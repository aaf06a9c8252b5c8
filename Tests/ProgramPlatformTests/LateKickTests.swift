import Glibc
import LockHarness
import LockSites
import TestShims
import Testing
import Tidelock
import UserSpaceShims

extension Platform {
  /// An unlock frees the lock, then wakes the head of the queue by its node.
  ///
  /// The head may have seen the lock free before that, have taken and released it, and its thread
  /// may have ended.
  @Suite struct LateKicks {
    /// The very case, step by step.
    ///
    /// The thread that is to be woken has ended before the unlock gets to it; another has its
    /// number by then and sleeps for another lock, at the head of that lock's queue or behind it.
    /// It may be woken, but not get the lock.
    @Test(arguments: [false, true])
    func wakesWhoHasTheNumberNow(behindAnother: Bool) async {
      await #expect(processExitsWith: .success) { [behindAnother] in
        inOwnProcess {
          try LockOperations.switch(to: .paravirtual)
          test_interrupt_install(SIGUSR1)
          let words = SharedWords(4)
          let (first, second) = (words.address(0), words.address(1))
          tidelock_lock(first)
          tidelock_lock(second)

          let waiter = Workers(1) { _ in
            words[2] = UInt64(tidelock_tid())
            tidelock_lock(first)
            tidelock_unlock(first)
          }
          wait { isHeadAsleep(first) }
          let number = record(ofThread: words[2])
          let others = behindAnother ? 1 : 0
          let head = Workers(others) { _ in
            tidelock_lock(second)
            tidelock_unlock(second)
          }
          wait { others == 0 || isHeadAsleep(second) }

          let unlocker = Workers(1) { _ in test_unlock_in_two_halves(first) }
          wait { test_is_between_halves() }
          // The lock is free. The waiter looks, has it, and ends.
          waiter.signal(0, SIGUSR1)
          waiter.join()
          let halts = LockOperations.statistics.halts
          let heir = Workers(1) { _ in
            words[2] = UInt64(tidelock_tid())
            tidelock_lock(second)
            words[3] += 1
            tidelock_unlock(second)
          }
          wait { LockOperations.statistics.halts > halts }
          check(record(ofThread: words[2]), is: number, "the number of the thread that came after")
          test_go_on()
          unlocker.join()
          // It was woken for nothing, and sleeps again.
          wait { LockOperations.statistics.halts > halts + 1 }
          check(words[3], is: 0, "who got the lock that is held")
          tidelock_unlock(second)
          heir.join()
          head.join()
          check(words[3], is: 1, "who got the lock that was released")
          check(LockOperations.statistics.unbalancedUnlocks, is: 0, "unlocks that found nobody")
        }
      }
    }

    @Test func waiterHasEnded() async {
      await #expect(processExitsWith: .success) {
        inOwnProcess {
          try LockOperations.switch(to: .paravirtual)
          let words = SharedWords(2)
          let lock = words.address(0)
          // A handler without SA_RESTART: its signal ends a wait, and the head looks at the lock.
          test_interrupt_install(SIGUSR1)
          let kicks = LockOperations.statistics.kicks
          for _ in 0..<Sizes.lateKicks {
            tidelock_lock(lock)
            let waiters = Workers(3) { _ in
              tidelock_lock(lock)
              words[1] += 1
              tidelock_unlock(lock)
            }
            wait { isHeadAsleep(lock) }
            // The unlock and the end of the wait at the same time.
            for number in 0..<3 { waiters.signal(number, SIGUSR1) }
            tidelock_unlock(lock)
            waiters.join()
          }
          check(words[1], is: UInt64(Sizes.lateKicks) * 3, "the counter")
          check(words[0], is: 0, "the lock's word")
          let statistics = LockOperations.statistics
          check(statistics.kicks - kicks >= Sizes.lateKicks, "hardly any kick: proves nothing")
          check(statistics.unbalancedUnlocks, is: 0, "unlocks that found nobody")
        }
      }
    }

    /// Threads that end as soon as they have had the lock, beside many that go on, all the time.
    @Test func threadsEndWhileOthersUnlock() async {
      await #expect(processExitsWith: .success) {
        inOwnProcess {
          try LockOperations.switch(to: .paravirtual)
          let lock = BareSpinlock()
          let harness = LockHarness(threads: 6, acquisitions: 0, isSaturating: true)
          let outcome = harness.run(lock) { _ in
            for _ in 0..<Sizes.lateKicks {
              Workers(3) { _ in
                lock.acquire()
                lock.release()
              }.join()
            }
          }
          check(outcome.isExclusive, "\(outcome.violations) violations, \(outcome.lost) lost")
        }
      }
    }
  }
}

/// Whether the head of a lock's paravirtual queue sleeps: its locked byte is 3 then.
private func isHeadAsleep(_ lock: UInt) -> Bool { word8(lock) == 3 }
