import LockHarness
import TestShims
import Testing
import Tidelock
import UserSpaceShims

extension Platform {
  /// Threads that come and go, and more of them than there are numbers.
  @Suite struct Threads {
    @Test func numbersAreReused() async {
      await #expect(processExitsWith: .success) {
        inOwnProcess {
          let lock = BareSpinlock()
          let counter = SharedWords(1)
          let switching = ContinuousSwitching(poking: .store, .breakpoint)
          let atOnce = 40
          for _ in 0..<Sizes.generations {
            Workers(atOnce) { _ in
              for _ in 0..<5 {
                lock.acquire()
                let value = counter[0]
                // Whoever comes meanwhile goes into a slow path, and gets a number.
                tidelock_yield()
                counter[0] = value + 1
                lock.release()
              }
            }.join()
          }
          check(switching.count > 0, "nothing was switched meanwhile")
          switching.finish()
          check(counter[0], is: UInt64(Sizes.generations * atOnce * 5), "the counter")
          check(numbersGivenOut >= atOnce / 2, "only \(numbersGivenOut) numbers: proves nothing")
          // One generation, the thread that switches, the one that runs the test.
          check(numbersGivenOut <= atOnce + 2, "\(numbersGivenOut) numbers for \(atOnce) threads")
        }
      }
    }

    @Test func hundredsAtOnce() async {
      await #expect(processExitsWith: .success) {
        inOwnProcess {
          // Never long in native: there each hand-over would cost a time slice of all the others.
          try LockOperations.switch(to: .paravirtual)
          let harness = LockHarness(threads: 300, acquisitions: 0)
          let outcome = try harness.run(BareSpinlock()) { progress throws(any Error) in
            wait { !progress.byThread.contains(0) }
            for set: LockSet in [.native, .testAndSet, .native, .paravirtual, .testAndSet] {
              try LockOperations.switch(to: set, timeLimit: .seconds(100))
            }
            try LockOperations.switch(to: .paravirtual, timeLimit: .seconds(100))
          }
          check(outcome.isExclusive, "\(outcome.violations) violations, \(outcome.lost) lost")
          check(numbersGivenOut >= 300, "only \(numbersGivenOut) numbers: proves nothing")
        }
      }
    }

    /// A timestamp counter that jumps, as where the process is resumed on another machine, is no measure
    /// of a turn; the rule that is timed by it goes on as before.
    @Test(arguments: [Int64(-1) << 58, 1 << 50, 0])
    func clocksThatJump(by jump: Int64) async {
      await #expect(processExitsWith: .success) { [jump] in
        inOwnProcess {
          try switchInAllDirections(poking: .store)
          // What no processor's counter can be: 0.1 to 10 GHz.
          let plausible: ClosedRange<UInt64> = 100_000...10_000_000
          check(plausible.contains(tidelock_turn()), "a turn of \(tidelock_turn()) ticks before")
          check(test_jump_clock(jump), "PR_SET_TSC")
          for method: PokeMethod in [.store, .breakpoint] {
            try switchInAllDirections(poking: method)
            check(plausible.contains(tidelock_turn()), "a turn of \(tidelock_turn()) ticks")
          }
          try LockOperations.switch(to: .paravirtual)
          let harness = LockHarness(threads: 4, acquisitions: 1_000)
          check(harness.run(BareSpinlock()).isExclusive, "not exclusive")
        }
      }
    }

    /// Destructors of a thread's own storage take locks in every round there is, when its record has
    /// been given back: nobody would be told of its end again.
    @Test func recordsAreNotKeptByDestructors() async {
      await #expect(processExitsWith: .success) {
        inOwnProcess {
          let words = SharedWords(2)
          let lock = words.address(0)
          let before = LockOperations.statistics
          for _ in 0..<30 {
            Workers(1) { _ in test_lock_in_destructors(lock) }.join()
          }
          check(test_destructions() >= 90, "\(test_destructions()) destructors ran: proves nothing")
          check(numbersGivenOut <= 3, "\(numbersGivenOut) numbers for one thread at a time")
          let after = LockOperations.statistics
          check(
            after.withoutNode >= before.withoutNode + 30, "waits without a record are not counted")
          try switchInAllDirections(poking: .store)
        }
      }
    }

    /// Without a number a thread cannot queue: it takes locks by test-and-set, in whatever set.
    @Test func moreThanNumbers() async {
      await #expect(processExitsWith: .success) {
        inOwnProcess {
          let harness = LockHarness(threads: 8, acquisitions: Sizes.acquisitions / 10)
          let counter = SharedWords(1)
          let outcome = try harness.run(BareSpinlock()) { progress throws(any Error) in
            // These eight have their numbers; nobody else will get one.
            wait { numbersGivenOut >= 8 }
            for number in 0..<TIDELOCK_THREADS where tid(number) == 0 { setTid(number, .max) }
            let lock = BareSpinlock()
            var strangers = Workers(4) { _ in
              for _ in 0..<40 {
                lock.acquire()
                let value = counter[0]
                tidelock_yield()
                counter[0] = value + 1
                lock.release()
                if tidelock_self() != 0 { counter[0] = 1 << 32 }
              }
            }
            try switchInAllDirections(poking: .store)
            try switchInAllDirections(poking: .breakpoint)
            strangers.join()
            for number in 0..<TIDELOCK_THREADS where tid(number) == .max { setTid(number, 0) }
            // And now somebody gets one again.
            strangers = Workers(8) { _ in
              repeat {
                lock.acquire()
                tidelock_yield()
                lock.release()
              } while tidelock_self() == 0
            }
            strangers.join()
          }
          check(outcome.isExclusive, "\(outcome.violations) violations, \(outcome.lost) lost")
          check(counter[0], is: 160, "the counter of the threads without numbers")
        }
      }
    }
  }
}

private func tid(_ number: UInt32) -> UInt32 {
  word32(tidelock_thread_tid(tidelock_thread_record(number)))
}

private func setTid(_ number: UInt32, _ tid: UInt32) {
  store32(tidelock_thread_tid(tidelock_thread_record(number)), tid)
}
