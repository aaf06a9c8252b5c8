import KernelServices
import LockPlatform
import LockSwitching
import QueuedSpinlocks

extension KernelMachine: ReferenceMachine {
  /// Slow paths and the handler of breakpoints run with preemption off.
  static var mark: Location<UInt32>? { KernelCPU.current.mark }

  static var slowPath: Location<UInt32> { SharedWords.slowPath }

  static var counting: Location<UInt32> { SharedWords.counting }

  static var references: UInt? { KernelCPU.current.references }

  static var cpuEnd: UInt32 { cpuNumbersEnd() }

  static func mark(of cpu: UInt32) -> Location<UInt32> { KernelCPU(cpu).mark }

  static func references(of cpu: UInt32) -> UInt { KernelCPU(cpu).references }
}

extension KernelTarget: BarrierTarget {
  /// Before the breakpoints stand CPUs entered slow paths that nobody counts.
  ///
  /// Each CPU runs a work item in task context, where preemption was on: it holds no spinlock and
  /// is in no operation.
  static func beginBarrier() { beginBarriers() }

  static func isBarrierPassed() -> Bool { !areBarriersLeft() }

  /// An interrupt on every CPU.
  static func fenceEveryCPU() { interruptAll() }

  static func setCounted(_ isCounted: Bool) { Transit.purpose = isCounted ? .counted : .poke }
}

/// Called on each CPU in task context, with preemption off only just now.
@_cdecl("tidelock_pass_barrier")
func passBarrier() {
  References<KernelMachine>.pass()
}

/// What the sites of the slow path call while `barrier` counts; in their convention, in the context
/// and with the interrupts of the call.
///
/// The handler leads here instead of emulating: a slow path waits.
@_cdecl("tidelock_counted_slow_path")
func countedSlowPath(_ lock: UInt, _ value: UInt32) {
  var isTaken = false
  while !isTaken {
    Counted<KernelMachine>.perform { inForce in
      switch inForce {
      // A lock word of the kernel's, contract of the call.
      case .gate: isTaken = unsafe Gate<KernelMachine>.wait(LockWord(address: lock))
      case .paravirtual:
        paravirtualSlowPath(lock, value)
        References<KernelMachine>.keep(lock)
        isTaken = true
      case .native, .testAndSet:
        // Test-and-set is the native slow path with a key of its own set.
        nativeSlowPath(lock, value)
        References<KernelMachine>.keep(lock)
        isTaken = true
      }
    }
  }
}
