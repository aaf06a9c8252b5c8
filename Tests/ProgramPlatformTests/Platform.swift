import LockHarness
import Testing
import UserSpaceShims

/// Everything that looks below the public interface.
///
/// Serialized, because the machine's processors are what these tests quarrel about; each runs in a
/// process of its own.
@Suite(.serialized) struct Platform {}

/// How many numbers were ever given out to threads at one time: one more than the highest.
var numbersGivenOut: UInt32 { word32(tidelock_state_thread_end()) }

/// The record of a thread, by the kernel's number of it; nil while it has none.
func record(ofThread tid: UInt64) -> UInt? {
  guard tid != 0 else { return nil }
  return (0..<numbersGivenOut).lazy.map { tidelock_thread_record($0) }.first {
    word32(tidelock_thread_tid($0)) == UInt32(tid)
  }
}
