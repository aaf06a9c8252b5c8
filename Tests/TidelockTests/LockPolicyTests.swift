import Glibc
import LockHarness
import LockSites
import Synchronization
import TestShims
import Testing
import Tidelock

/// The policy's thread, in processes of its own.
@Suite struct LockPolicyTests {
  @Test func goesToParavirtualWhereThreadsWait() async {
    await #expect(processExitsWith: .success) {
      inOwnProcess {
        try LockOperations.switch(to: .native)
        try LockPolicy.automatic.start()
        check(LockPolicy.isRunning, "it does not run")
        let stop = Flag()
        let words = SharedWords(1)
        let lock = words.address(0)
        let workers = Workers(8 * max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))) { _ in
          while !stop.isRaised {
            tidelock_lock(lock)
            tidelock_unlock(lock)
          }
        }
        wait { LockOperations.current == .paravirtual }
        // An operator's word, while the load would have it otherwise.
        while (try? LockOperations.switch(to: .native)) == nil { sched_yield() }
        check(LockPolicy.pinned, is: .native, "the pinned set")
        let before = LockPolicy.decisions.last?.count
        wait {
          LockPolicy.decisions.last.map {
            $0.decision.reason.name.description == "pinned" && $0.count > (before ?? 0)
          } ?? false
        }
        check(LockOperations.current, is: .native, "the set")
        // Given back.
        try LockPolicy.automatic.start()
        check(LockPolicy.pinned, is: nil, "the pinned set")
        wait { LockOperations.current == .paravirtual }
        LockPolicy.automatic.stop()
        check(!LockPolicy.isRunning, "it runs")
        stop.raise()
        workers.join()
        let lines = LockPolicy.decisions.map(\.description)
        check(lines.contains { $0.contains("native to paravirtual, losing:") }, "\(lines)")
      }
    }
  }

  /// A native waiter that sees no progress says so.
  ///
  /// One by test-and-set sees none for as long, and does not: of native locks it would be untrue.
  @Test func nativeWaitersSayThatTheyStandStill() async {
    await #expect(processExitsWith: .success) {
      inOwnProcess {
        let words = SharedWords(1)
        let lock = words.address(0)
        /// Has a thread wait for the lock until something is seen of it, by its number.
        func haveOneWait(_ isSeen: (UInt32) -> Bool) {
          let waiting = Atomic<UInt32>(0)
          tidelock_lock(lock)
          let waiter = Workers(1) { _ in
            waiting.store(test_thread_id(), ordering: .relaxed)
            tidelock_lock(lock)
            tidelock_unlock(lock)
          }
          wait { isSeen(waiting.load(ordering: .relaxed)) }
          tidelock_unlock(lock)
          waiter.join()
        }
        try LockOperations.switch(to: .native)
        check(LockOperations.stalled, is: 0, "what was seen before anybody waited")
        haveOneWait { _ in (LockOperations.stalled ?? 0) > 0 }
        let seen = LockOperations.stalled
        // It sleeps only after far more pauses than a native waiter says it at.
        try LockOperations.switch(to: .testAndSet)
        haveOneWait { test_sleeps($0) > 2 }
        check(LockOperations.stalled, is: seen, "what waiters by test-and-set said")
      }
    }
  }

  /// The child of a fork has a policy or not, as it was asked for, and can start and stop its own.
  @Test(arguments: [false, true])
  func childrenHaveItIfAskedFor(_ areAsked: Bool) async {
    await #expect(processExitsWith: .success) { [areAsked] in
      inOwnProcess {
        try LockPolicy.automatic.start(inChildren: areAsked)
        let child = test_fork()
        if child == 0 {
          guard LockPolicy.isRunning == areAsked else { _exit(1) }
          LockPolicy.automatic.stop()
          guard !LockPolicy.isRunning else { _exit(2) }
          guard (try? LockPolicy.automatic.start()) != nil, LockPolicy.isRunning else { _exit(3) }
          var count = 0
          // Work, so that there is something to decide.
          while LockPolicy.decisions.isEmpty { count &+= 1 }
          _exit(0)
        }
        check(test_wait(child), is: 0, "what the child ended with")
        check(LockPolicy.isRunning, "it does not run in the parent")
      }
    }
  }
}
