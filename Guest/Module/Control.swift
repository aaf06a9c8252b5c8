import CodePatching
import KernelServices
import KernelText
import LockPlatform
import LockSwitching

/// All that the module keeps between two calls.
///
/// Only its threads touch it, one at a time (the mutex of glue.c); the breakpoint handler reads
/// `sites`, which stands still while it may run.
struct Control {
  /// nil while nothing is installed.
  var symbols: KernelSymbols?
  var sites = KernelSites()
  /// The set that the kernel booted with.
  var bootSet = LockSet.native
  /// What the kernel knew about its lock operations then.
  var bootTable: KernelTable?
  /// The set in force.
  var set = LockSet.native
  /// The lock hash, where the kernel has not made one itself.
  var hash: LockHashMemory?
  /// How wait and kick work here.
  var kick = KickMethod.interrupt
  /// How long a switch may take, in milliseconds.
  var timeLimit: UInt64 = 10_000
  /// The last switch that was asked for.
  var last: SwitchReport?
  /// Why it failed.
  var lastFailure: SwitchFailure?
  /// Switches by how they ended, in the order of `SwitchResult`.
  var results: InlineArray<5, UInt64> = [0, 0, 0, 0, 0]
}

/// Who wakes a CPU that waits.
enum KickMethod {
  /// The kernel's own way, with which it booted.
  case kernel
  /// KVM.
  case kvm
  /// An interrupt, an NMI if need be.
  case interrupt
}

nonisolated(unsafe) var control = Control()

extension Control {
  /// Switches to a set; 0 or an error number.
  ///
  /// Takes as long as the drain, and sleeps meanwhile: only a task may call it.
  static func change(to set: LockSet, _ reason: SwitchReason) -> Int {
    if let name = unsafe moduleWithSites() {
      withLine { line in
        line.write("no switch: module ")
        unsafe line.write(cString: name)
        line.write(" has lock operations of its own that cannot be followed; remove it first")
      }
      return ErrorNumber.busy
    }
    holdCPUs()
    defer { releaseCPUs() }
    if set == .paravirtual, let error = makeHash() { return error }
    let request = unsafe SwitchRequest(
      from: control.set, to: set, method: .breakpoint, timeLimit: control.timeLimit * 1_000_000,
      reason: reason)
    let (report, failure) = StagedSwitch<KernelTarget>.run(request)
    if report.result == .done { unsafe control.set = set }
    unsafe control.results[Int(report.result.rawValue)] &+= 1
    unsafe control.last = report
    unsafe control.lastFailure = failure
    withLine { line in line.write(report, failure) }
    return switch report.result {
    case .done, .unchanged: 0
    case .refused: ErrorNumber.busy
    case .undone: ErrorNumber.timedOut
    case .stuck: ErrorNumber.io
    }
  }

  /// Makes the lock hash if there is none; an error number if there is no memory for it.
  private static func makeHash() -> Int? {
    guard unsafe control.hash == nil, unsafe control.bootSet != .paravirtual,
      let symbols = unsafe control.symbols
    else { return nil }
    guard let hash = LockHashMemory(symbols) else { return ErrorNumber.noMemory }
    unsafe control.hash = hash
    return nil
  }
}

/// The hint of the hypervisor, read again: dedicated CPUs want the native set.
@_cdecl("tidelock_hint")
func hint(_ dedicated: Bool) {
  let wanted = dedicated ? LockSet.native : .paravirtual
  // Only a change switches: what an operator has chosen stays until the hint is another one.
  defer { unsafe hinted = wanted }
  guard unsafe hinted != nil, unsafe hinted != wanted, unsafe control.set != wanted else { return }
  _ = Control.change(to: wanted, .hint)
}

/// What the hint wanted when it was last read.
nonisolated(unsafe) private var hinted: LockSet?
