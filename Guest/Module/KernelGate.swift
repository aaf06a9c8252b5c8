import KernelServices
import LockPlatform

/// Which slow path the sites call, for those who leave the gate.
let slowPathInPlace = SharedWord(UInt64(Implementation.native.rawValue))

/// The slow path while the old one drains; called by the kernel's sites with preemption off, in any
/// context, in the convention of `queued_spin_lock_slowpath`.
///
/// Takes the lock only when its whole word is 0, which is sound beside either queue, and leaves
/// into the new slow path once the gate is open: see `Gate` in LockSwitching. All of it lies
/// within the same grace period as the call, so whoever read where it leads is waited for.
@_cdecl("tidelock_gate")
func gate(_ lock: UInt, _ value: UInt32) {
  let since = nanosecondsNow()
  // A lock word of the kernel's, contract of the call.
  let word = unsafe UnsafePointer<SharedLockWord>(bitPattern: lock).unsafelyUnwrapped
  while true {
    let seen = unsafe word.pointee.value
    if seen == 0, unsafe word.pointee.tryLock() {
      Measured.hold(until: nanosecondsNow(), since: since)
      return
    }
    let target = slowPathInPlace.value
    if target != UInt64(Implementation.gate.rawValue) {
      Measured.hold(until: nanosecondsNow(), since: since)
      if target == UInt64(Implementation.paravirtual.rawValue) {
        paravirtualSlowPath(lock, seen)
      } else {
        // Test-and-set is the native slow path with a key of its own set.
        nativeSlowPath(lock, seen)
      }
      return
    }
    relax()
  }
}
