import Glibc
import LockHarness
import LockSites
import TestShims
import Testing
import Tidelock
import UserSpaceShims

private let levels = Int32(TEST_LEVELS)

extension Platform {
  /// Signal handlers take locks over threads that hold others or wait for others.
  @Suite struct Signals {
    @Test func stormsWhileSwitching() async {
      await #expect(processExitsWith: .success) {
        inOwnProcess {
          test_nesting_install()
          let stop = Flag()
          let threads = 6
          let workers = Workers(threads) { _ in
            while !stop.isRaised { test_nesting_section(0) }
          }
          let switching = ContinuousSwitching(poking: .store, .breakpoint)
          // Level by level to every thread, so that a level comes when the one below waits; then the
          // threads get on for a while, or they would never be seen outside handlers again.
          while switching.count < Sizes.stormSwitches
            || (1...3).contains(where: { test_nesting_waited($0) < 5 })
          {
            for level in 1..<levels {
              for thread in 0..<threads { workers.signal(thread, test_nesting_signal(level)) }
              sched_yield()
            }
            let entered = test_nesting_entered(0)
            wait { test_nesting_entered(0) >= entered + UInt64(threads) }
          }
          switching.finish()
          stop.raise()
          workers.join()
          check(test_nesting_violations(), is: 0, "sections that two were in")
          check(test_nesting_errno_changes(), is: 0, "lock operations that changed errno")
          for level in 0..<levels {
            check(test_nesting_entered(level) > 0, "no section of level \(level)")
            check(
              test_nesting_counted(level), is: test_nesting_entered(level),
              "the counter of level \(level)")
          }
        }
      }
    }

    /// Two threads, each in six slow paths, one over the other, and a switch that waits for them
    /// all.
    ///
    /// There are four queue nodes: the fifth and sixth context wait without.
    /// Who waits in test-and-set is not counted, and no switch waits for it.
    @Test(arguments: [LockSet.native, .paravirtual])
    func sixDeep(set: LockSet) async {
      await #expect(processExitsWith: .success) { [set] in
        inOwnProcess {
          try LockOperations.switch(to: set)
          test_nesting_install()
          for level in 0..<levels { tidelock_lock(test_nesting_lock(level)) }
          let withoutNode = LockOperations.statistics.withoutNode

          // The first waits in front of each queue (in native), the second in the queue.
          let tids = SharedWords(2)
          let body = { @Sendable (number: Int) in
            tids[number] = UInt64(tidelock_tid())
            test_nesting_section(0)
          }
          let first = Workers(1) { _ in body(0) }
          awaitDepth(1, tids, 0)
          let second = Workers(1) { _ in body(1) }
          awaitDepth(1, tids, 1)
          for level in 1..<levels {
            first.signal(0, test_nesting_signal(level))
            awaitDepth(UInt32(level) + 1, tids, 0)
            second.signal(0, test_nesting_signal(level))
            awaitDepth(UInt32(level) + 1, tids, 1)
          }
          wait { LockOperations.statistics.withoutNode > withoutNode }

          let failures = Failures()
          let next: LockSet = set == .paravirtual ? .native : .paravirtual
          let switching = Workers(1) { _ in
            do {
              try LockOperations.switch(to: next, timeLimit: .seconds(100))
            } catch {
              failures.add("\(error)")
            }
          }
          // The gate is in place, and what it waits for is still six deep.
          wait { word32(tidelock_state_slow_path()) == 3 }
          check(depth(tids, 0) == 6 && depth(tids, 1) == 6, "somebody left a lock that is held")
          for level in (0..<levels).reversed() { tidelock_unlock(test_nesting_lock(level)) }
          first.join()
          second.join()
          switching.join()
          for failure in failures.all { check(false, failure) }
          check(LockOperations.current, is: next, "the set in force")
          check(test_nesting_violations(), is: 0, "sections that two were in")
          for level in 0..<levels {
            check(test_nesting_counted(level), is: 2, "the counter of level \(level)")
          }
        }
      }
    }
  }
}

/// How many slow paths one of two threads is in.
private func depth(_ tids: SharedWords, _ thread: Int) -> UInt32 {
  record(ofThread: tids[thread]).map { word32(tidelock_thread_mark($0)) } ?? 0
}

private func awaitDepth(_ expected: UInt32, _ tids: SharedWords, _ thread: Int) {
  wait { depth(tids, thread) == expected }
}
