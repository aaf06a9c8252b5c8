import KernelServices
import LockPlatform
import LockSwitching

/// The running kernel as a machine whose CPUs share memory.
enum KernelMachine {}

extension KernelMachine: ProcessorMemory {
  /// No instruction.
  static func compilerBarrier() { KernelServices.compilerBarrier() }

  static func pause(_: UInt32) { KernelServices.relax() }
}

extension KernelMachine: SwitchMachine {
  typealias Code = KernelCode

  static var slowPath: Location<UInt32> { SharedWords.slowPath }

  /// Slow paths and the handler of breakpoints run with preemption off.
  static var mark: Location<UInt32>? { KernelCPU.current.mark }

  static func mark(of cpu: UInt32) -> Location<UInt32> { KernelCPU(cpu).mark }

  static var cpuEnd: UInt32 { cpuNumbersEnd() }

  static var counting: Location<UInt32> { SharedWords.counting }

  static var references: UInt? { KernelCPU.current.references }

  static func references(of cpu: UInt32) -> UInt { KernelCPU(cpu).references }

  /// Keeps a reference, if `barrier` is under way.
  static func acquired(_ lock: UInt) { References<KernelMachine>.keep(lock) }

  /// With preemption off no other task can have the CPU.
  static func yield(_: UInt32) { KernelServices.relax() }

  static var nanoseconds: UInt64 { nanosecondsNow() }

  static func noteStall(_ nanoseconds: UInt64) { SwitchMeasurements.stalled(nanoseconds) }
}
