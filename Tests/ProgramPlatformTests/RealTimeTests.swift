import Glibc
import LockHarness
import LockSites
import TestShims
import Testing
import Tidelock
import UserSpaceShims

extension Platform {
  /// A thread of SCHED_FIFO waits for an ordinary one on the same processor, which runs only while it
  /// sleeps.
  ///
  /// What the kernel leaves ordinary threads in any case (`sched_rt_runtime_us`) is too little to tell
  /// the two apart by time, so it is by how often the waiter slept.
  @Suite(.enabled(if: test_may_be_real_time(), "SCHED_FIFO needs CAP_SYS_NICE"))
  struct RealTimeThreads {
    @Test(arguments: [LockSet.native, .paravirtual, .testAndSet])
    func sleepOverALongWait(set: LockSet) async {
      await #expect(processExitsWith: .success) { [set] in
        inOwnProcess(deadline: 60) {
          try LockOperations.switch(to: set)
          let words = SharedWords(2)
          let lock = words.address(0)
          let processor = test_share_processor()
          tidelock_lock(lock)
          // One waits for the word, the other for the first.
          let waiters = RealTimeWaiters(2, on: processor, for: lock)
          waiters.awaitSleep()
          tidelock_unlock(lock)
          waiters.join()
        }
      }
    }

    /// At the gate, while what holds up the switch is an ordinary thread.
    @Test func sleepAtTheGate() async {
      await #expect(processExitsWith: .success) {
        inOwnProcess(deadline: 60) {
          try LockOperations.switch(to: .paravirtual)
          let words = SharedWords(2)
          let (lock, other) = (words.address(0), words.address(1))
          tidelock_lock(lock)
          tidelock_lock(other)
          let queued = Workers(1) { _ in
            tidelock_lock(lock)
            tidelock_unlock(lock)
          }
          // 3: the head of the queue sleeps.
          wait { word8(lock) == 3 }
          let failures = Failures()
          let switching = Workers(1) { _ in
            do {
              try LockOperations.switch(to: .native, timeLimit: .seconds(50))
            } catch {
              failures.add("\(error)")
            }
          }
          wait { word32(tidelock_state_slow_path()) == 3 }
          let processor = test_share_processor()
          let waiters = RealTimeWaiters(2, on: processor, for: other)
          waiters.awaitSleep()
          tidelock_unlock(other)
          waiters.join()
          tidelock_unlock(lock)
          queued.join()
          switching.join()
          for failure in failures.all { check(false, failure) }
        }
      }
    }

    /// Gathered by an ordinary leader.
    @Test func sleepWhileTheyAreHeld() async {
      await #expect(processExitsWith: .success) {
        inOwnProcess(deadline: 60) {
          let words = SharedWords(2)
          let stop = Flag()
          let processor = test_share_processor()
          let held = Workers(2) { number in
            check(test_become_real_time(processor), "SCHED_FIFO")
            words[number] = UInt64(tidelock_tid())
            while !stop.isRaised { usleep(10_000) }
          }
          wait { words[0] != 0 && words[1] != 0 }
          let report = try LockOperations.switch(
            to: .paravirtual, using: .stopMachine, timeLimit: .seconds(50))
          check(report.result, is: .done, "the result")
          stop.raise()
          held.join()
        }
      }
    }
  }
}

/// Threads of SCHED_FIFO that wait for a lock which this thread holds.
private struct RealTimeWaiters: ~Copyable {
  private let tids: SharedWords
  private let count: Int
  private let threads: Workers

  init(_ count: Int, on processor: Int32, for lock: UInt) {
    let tids = SharedWords(count)
    self.tids = tids
    self.count = count
    let slowPaths = LockOperations.statistics.slowPaths
    threads = Workers(count) { number in
      guard test_become_real_time(processor) else { return }
      tids[number] = UInt64(tidelock_tid())
      tidelock_lock(lock)
      tidelock_unlock(lock)
    }
    wait {
      LockOperations.statistics.slowPaths >= slowPaths + UInt64(count)
        && (0..<count).allSatisfy { tids[$0] != 0 }
    }
  }

  /// Waits until each has slept often enough to have meant it.
  func awaitSleep() {
    for number in 0..<count {
      let tid = UInt32(tids[number])
      let before = test_sleeps(tid)
      wait { test_sleeps(tid) >= before + 5 }
    }
  }

  consuming func join() { threads.join() }
}
