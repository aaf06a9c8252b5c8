import LockHarness
import LockSites
import TestShims
import Testing
import Tidelock

extension Platform {
  /// What compiled code keeps in registers, below its stack pointer and in errno survives a lock
  /// operation, whatever the operation has to do.
  @Suite struct MachineState {
    @Test func registersAndRedZone() async {
      await #expect(processExitsWith: .success) {
        inOwnProcess {
          let words = SharedWords(1)
          let lock = words.address(0)
          var native = test_state()
          var uncontended = test_state()
          var waking = test_state()
          tidelock_lock(lock)
          // Writes one of these structures, here and below.
          unsafe test_state_after_unlock(lock, &native)
          try LockOperations.switch(to: .paravirtual)
          tidelock_lock(lock)
          unsafe test_state_after_unlock(lock, &uncontended)
          withSleeper(lock) { unsafe test_state_after_unlock(lock, &waking) }
          check(bytes(of: uncontended), is: bytes(of: native), "the state after an unlock")
          check(bytes(of: waking), is: bytes(of: native), "the state after one that wakes")
        }
      }
    }

    @Test func liveValues() async {
      await #expect(processExitsWith: .success) {
        inOwnProcess {
          var functions = [test_live_values, test_live_vectors]
          if test_has_wide_vectors() { functions.append(test_live_wide_vectors) }
          let words = SharedWords(1)
          let lock = words.address(0)
          let seeds: [UInt64] = [1, 7, 123_456_789, 0xfedc_ba98_7654_3210]
          let native = functions.map { function in
            seeds.map { seed in
              tidelock_lock(lock)
              return function(lock, seed)
            }
          }
          try LockOperations.switch(to: .paravirtual)
          for (function, results) in zip(functions, native) {
            for (seed, expected) in zip(seeds, results) {
              var result: UInt64 = 0
              withSleeper(lock) { result = function(lock, seed) }
              check(result, is: expected, "what was computed across an unlock, from \(seed)")
            }
          }
        }
      }
    }

    @Test func errorNumber() async {
      await #expect(processExitsWith: .success) {
        inOwnProcess {
          let words = SharedWords(1)
          let lock = words.address(0)
          for set: LockSet in [.native, .paravirtual, .testAndSet] {
            try LockOperations.switch(to: set)
            tidelock_lock(lock)
            // A thread without a number yet, in the slow path.
            let slowPaths = LockOperations.statistics.slowPaths
            let failures = Failures()
            let waiter = Workers(1) { _ in
              let after = test_errno_after_lock(lock, 1234)
              if after != 1234 { failures.add("errno is \(after) after a lock in \(set)") }
              tidelock_unlock(lock)
            }
            wait {
              LockOperations.statistics.slowPaths > slowPaths
                && (set != .paravirtual || word8(lock) == 3)
            }
            check(test_errno_after_unlock(lock, 4321), is: 4321, "errno after an unlock in \(set)")
            waiter.join()
            for failure in failures.all { check(false, failure) }
          }
        }
      }
    }
  }
}

/// Takes a lock, lets a thread fall asleep for it, and calls a body that must release it.
private func withSleeper(_ lock: UInt, _ body: () -> Void) {
  tidelock_lock(lock)
  let sleeper = Workers(1) { _ in
    tidelock_lock(lock)
    tidelock_unlock(lock)
  }
  // 3: the head of the queue sleeps.
  wait { word8(lock) == 3 }
  body()
  sleeper.join()
}

private func bytes(of state: test_state) -> [UInt64] {
  // Plain integers without padding.
  unsafe withUnsafeBytes(of: state) { unsafe Array($0.bindMemory(to: UInt64.self)) }
}
