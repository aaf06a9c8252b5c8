import LockHarness
import TestShims
import Testing
import Tidelock
import UserSpaceShims

extension Platform {
  /// An unlock changes nothing but the lock, in either form, with and without somebody to wake.
  @Suite struct MachineState {
    @Test func isTheSameAfterEveryUnlock() async {
      await #expect(processExitsWith: .success) {
        inOwnProcess {
          let words = SharedWords(1)
          let lock = words.address(0)
          let native = stateAfterUnlocks(lock) { tidelock_lock(lock) }
          try LockOperations.switch(to: .paravirtual)
          let fast = stateAfterUnlocks(lock) { tidelock_lock(lock) }
          check(fast, is: native, "the state after a paravirtual unlock")

          // The head of the queue sleeps: the unlock goes the long way, and wakes it.
          let kicks = LockOperations.statistics.kicks
          var unlocks: UInt64 = 0
          var sleepers = Workers(0) { _ in }
          let slow = stateAfterUnlocks(lock) {
            tidelock_lock(lock)
            unlocks += 1
            let halts = LockOperations.statistics.halts
            sleepers.start {
              tidelock_lock(lock)
              tidelock_unlock(lock)
            }
            wait { LockOperations.statistics.halts > halts }
          }
          sleepers.join()
          check(slow, is: native, "the state after an unlock that wakes")
          let woken = LockOperations.statistics.kicks - kicks
          check(woken >= unlocks, "of \(unlocks) unlocks only \(woken) woke somebody")
        }
      }
    }
  }
}

/// What is left in registers and memory by unlocks that were entered with known values; `take`
/// takes the lock before each.
private func stateAfterUnlocks(_ lock: UInt, take: () -> Void) -> [UInt64] {
  var values: [UInt64] = []
  take()
  // Both tuples are arrays of C: as many words as they are long.
  var state = test_state()
  unsafe test_state_after_unlock(lock, &state)
  unsafe withUnsafeBytes(of: state) { unsafe values += $0.bindMemory(to: UInt64.self) }
  take()
  values.append(test_live_values(lock, 0x1234_5678_9abc_def1))
  take()
  values.append(test_live_vectors(lock, 77))
  if test_has_wide_vectors() {
    take()
    values.append(test_live_wide_vectors(lock, 0x0fed_cba9_8765_4321))
  }
  take()
  values.append(UInt64(test_errno_after_unlock(lock, 77)))
  return values
}
