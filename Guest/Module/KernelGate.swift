import KernelServices
import LockPlatform

/// Waiting where nobody joins a queue: see `Gate` in LockSwitching.
enum KernelGate {
  /// Waits; true if the lock was taken, false if the gate is open.
  ///
  /// Takes the lock only when its whole word is 0, which is sound beside either queue.
  static func wait(_ lock: UInt) -> Bool {
    let since = nanosecondsNow()
    defer { Measured.hold(until: nanosecondsNow(), since: since) }
    // A lock word of the kernel's, contract of the call.
    let word = unsafe UnsafePointer<SharedLockWord>(bitPattern: lock).unsafelyUnwrapped
    while true {
      if unsafe word.pointee.value == 0, unsafe word.pointee.tryLock() { return true }
      if SlowPathInPlace.now != .gate { return false }
      relax()
    }
  }
}

/// The slow path while the old one drains; called by the kernel's sites with preemption off, in any
/// context, in the convention of `queued_spin_lock_slowpath`.
///
/// Leaves into the new slow path once the gate is open. All of it lies within the same grace period
/// as the call, so whoever read where it leads is waited for.
@_cdecl("tidelock_gate")
func gate(_ lock: UInt, _ value: UInt32) {
  while !KernelGate.wait(lock) {
    switch SlowPathInPlace.now {
    case .gate: continue
    case .paravirtual: return paravirtualSlowPath(lock, value)
    // Test-and-set is the native slow path with a key of its own set.
    case .native, .testAndSet: return nativeSlowPath(lock, value)
    }
  }
}
