import KernelServices
import LockPlatform
import LockSwitching
import QueuedSpinlocks

/// The slow path while the old one drains; called by the kernel's sites with preemption off, in any
/// context, in the convention of `queued_spin_lock_slowpath`.
///
/// Leaves into the new slow path once the gate is open. All of it lies within the same grace period as
/// the call, so a drain waits for every CPU that has read where it leads.
@_cdecl("tidelock_gate")
func gate(_ address: UInt, _ value: UInt32) {
  // A lock word of the kernel's, contract of the call.
  Gate<KernelMachine>.slowPath(unsafe LockWord(address: address)) { next in
    enter(next, address, value)
  }
}

/// Runs the body of one of the kernel's slow paths.
func enter(_ slowPath: Implementation, _ lock: UInt, _ value: UInt32) {
  switch slowPath {
  case .paravirtual: paravirtualSlowPath(lock, value)
  // Test-and-set is the native slow path while its key is set.
  case .native, .testAndSet: nativeSlowPath(lock, value)
  // The gate never leads to the gate.
  case .gate: break
  }
}
