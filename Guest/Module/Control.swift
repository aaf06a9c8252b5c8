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
  /// How switches are carried out.
  var `protocol` = SwitchProtocol.staged
  /// What the published protocols leave open.
  var options = SwitchOptions()
  /// How long a switch may take, in milliseconds.
  var timeLimit: UInt64 = 10_000
  /// The last switch that was asked for.
  var last: SwitchReport?
  /// What CPUs met meanwhile: breakpoints by kind (`Met`) and context.
  var lastMet: InlineArray<12, UInt64> = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
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
      reason: reason, options: control.options)
    let (report, failure) = run(request)
    if report.result == .done { unsafe control.set = set }
    unsafe control.results[Int(report.result.rawValue)] &+= 1
    unsafe control.last = report
    for index in 0..<12 {
      // Nothing was measured of what was refused.
      unsafe control.lastMet[index] =
        report.stepCount == 0 ? 0 : Measured.since(index)
    }
    unsafe control.lastFailure = failure
    withLine { line in
      line.write(report, failure)
      // A line of the log is shorter than a page; what is left out is in last_switch.
      guard line.count > 900 else { return }
      var withoutSteps = report
      withoutSteps.stepCount = 0
      line.removeAll()
      line.write(withoutSteps, failure)
    }
    return switch report.result {
    case .done, .unchanged: 0
    case .refused: ErrorNumber.busy
    case .undone: failure?.isForLoad == true ? ErrorNumber.tryAgain : ErrorNumber.timedOut
    case .stuck: ErrorNumber.io
    }
  }

  /// Switches by the protocol that was chosen.
  private static func run(_ request: SwitchRequest) -> (SwitchReport, SwitchFailure?) {
    let outcome: (SwitchReport, SwitchFailure?)
    switch unsafe control.protocol {
    // Puts the key while nobody is in the native slow path.
    case .staged: return StagedSwitch<KernelTarget>.run(request)
    // The others cannot put it in the middle: that takes the lock of the text and interrupts. They
    // need not: test-and-set is sound beside the native queue.
    case .stopMachine:
      putKey(for: request.to)
      outcome = StopMachineSwitch<KernelTarget>.run(request)
    case .barrier:
      putKey(for: request.to)
      outcome = BarrierSwitch<KernelTarget>.run(request)
    }
    if outcome.1 != nil { putKey(for: request.from) }
    return outcome
  }

  /// Makes the native slow path queue, or test-and-set; the paravirtual one knows no key.
  private static func putKey(for set: LockSet) {
    guard set != .paravirtual, let key = unsafe control.symbols?.testAndSetKey else { return }
    setKey(key, set == .testAndSet)
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

extension SwitchFailure {
  /// Whether the load did not let it finish.
  fileprivate var isForLoad: Bool {
    if case .notQuiescent = self { true } else { false }
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
