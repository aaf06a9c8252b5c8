import KernelServices
import LockPlatform
import LockSwitching
import QueuedSpinlocks

extension KernelTarget {
  /// Before the breakpoints stood, CPUs entered slow paths uncounted.
  ///
  /// Each CPU runs a work item in task context, where preemption was on: it holds no spinlock and
  /// is in no operation.
  static func beginBarrier() { beginBarriers() }

  static func isBarrierPassed() -> Bool { !areBarriersLeft() }

  /// Whether the handler counts what it emulates.
  ///
  /// Acquiring and releasing; written before the first breakpoint stands and after the last.
  static var isCounted: Bool { KernelMachine.load(SharedWords.isCounted, .acquiring) != 0 }

  static func setCounted(_ isCounted: Bool) {
    KernelMachine.store(isCounted ? 1 : 0, to: SharedWords.isCounted, .releasing)
  }
}

/// Called on each CPU in task context, with preemption off only just now.
@_cdecl("tidelock_pass_barrier")
func passBarrier() {
  References<KernelMachine>.pass()
}

/// What the sites of the slow path call while `barrier` counts; in their convention, in the context
/// and with the interrupts of the call.
///
/// The handler leads here instead of emulating, because a slow path waits.
@_cdecl("tidelock_counted_slow_path")
func countedSlowPath(_ address: UInt, _ value: UInt32) {
  // A lock word of the kernel's, contract of the call.
  Counted<KernelMachine>.slowPath(unsafe LockWord(address: address)) { inForce in
    enter(inForce, address, value)
  }
}
