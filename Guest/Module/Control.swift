import CodePatching
import GuestSiteTable
import KernelServices
import KernelText
import LockPlatform
import LockSwitching

/// All that the module keeps between two calls, apart from what is in place (`KernelTarget.state`).
///
/// Only the module's threads touch it, one at a time (the mutex of glue.c). The breakpoint handler reads
/// `sites`, which does not change while it may run, and `status` reads single fields as they are.
struct Control {
  /// nil while nothing is installed.
  var symbols: KernelSymbols?
  var sites = KernelSites()
  /// The set that the kernel booted with.
  var bootSet = LockSet.native
  /// What the kernel knew about its lock operations then.
  var bootTable: KernelTable?
  /// The lock hash, where the kernel has not made one itself.
  var hash: LockHashMemory?
  /// How wait and kick work here.
  var kick = KickMethod.interrupt
  /// How switches are carried out.
  var `protocol` = SwitchProtocol.staged
  /// Protocol-specific options.
  var options = SwitchOptions()
  /// How long a switch may take, in milliseconds.
  var timeLimit: UInt64 = 10_000
  /// The last requested switch.
  var last: SwitchReport?
  /// Breakpoints that CPUs hit during it, by `BreakpointKind` and context.
  var lastBreakpoints: InlineArray<12, UInt64> = .init(repeating: 0)
  /// The probe for which the last switch was refused; 0 if it was not refused for one.
  var lastProbe: UInt = 0
  /// Switches by how they ended, in the order of `SwitchResult`.
  var results: InlineArray<5, UInt64> = [0, 0, 0, 0, 0]
  /// Whether the module holds a reference on itself, so that it cannot be removed.
  var isKept = false
  /// How long to wait before the next attempt to leave a state that a failure left, in milliseconds.
  var retryDelay: UInt64 = 0
  /// What the hint wanted when it was last read.
  var hinted: LockSet?
  /// Whether the switch that the hint wanted is still to be done.
  var isHintPending = false
}

nonisolated(unsafe) var control = Control()

extension Control {
  /// Switches to a set; 0 or an error number.
  ///
  /// Takes as long as the drain, and sleeps meanwhile: only a task may call it.
  static func change(to set: LockSet, _ reason: SwitchReason) -> Int {
    if isBlocked() {
      withLine { line in
        line.write("no switch: module ")
        unsafe line.write(cString: blockingModule())
        line.write(" has lock operations of its own that cannot be followed; remove it first")
      }
      retryUnlessSettled(KernelTarget.currentState)
      return ErrorNumber.busy
    }
    if let obstacle = GuestObstacle.first(in: .now) {
      withLine(often: true) { line in
        line.write("no switch: ")
        line.write(obstacle.sentence)
      }
      retryUnlessSettled(KernelTarget.currentState)
      return ErrorNumber.busy
    }
    // Whoever removes the module finds it busy from here on, until the boot set is wholly in place.
    guard unsafe control.isKept || keepModule() else { return ErrorNumber.busy }
    // In the order in which the kernel takes them.
    lockProbes()
    holdCPUs()
    let error = changeHeld(to: set, reason)
    releaseCPUs()
    unlockProbes()
    let state = KernelTarget.currentState
    let isHome = unsafe state.isSettled(in: control.bootSet)
    unsafe control.isKept = !isHome
    if isHome { letModuleGo() }
    retryUnlessSettled(state)
    return error
  }

  private static func changeHeld(to set: LockSet, _ reason: SwitchReason) -> Int {
    if set == .paravirtual, let error = prepareParavirtual() { return error }
    setClocks()
    let request = unsafe SwitchRequest(
      to: set, using: control.protocol, options: control.options, poking: .breakpoint,
      timeLimit: control.timeLimit * 1_000_000, reason: reason)
    let report = SwitchRun<KernelTarget>.run(request)
    // If the set was not reached, the choice that was made for it is reverted.
    let state = KernelTarget.currentState
    if state.isSettled(in: state.set) {
      KernelTarget.choose(state.set.implementation(of: .slowPath))
    }
    unsafe control.results[Int(report.result.rawValue)] &+= 1
    unsafe control.last = report
    for index in 0..<12 {
      // A refused switch has measured nothing.
      unsafe control.lastBreakpoints[index] =
        report.stepCount == 0 ? 0 : SwitchMeasurements.since(index)
    }
    withLine(often: true) { line in unsafe line.writeSummary(of: report, probe: control.lastProbe) }
    return switch report.result {
    case .done, .unchanged: 0
    case .refused: ErrorNumber.busy
    case .undone: report.failure?.isForLoad == true ? ErrorNumber.tryAgain : ErrorNumber.timedOut
    case .stuck: ErrorNumber.io
    }
  }

  /// What the paravirtual set needs before the first CPU sleeps; an error number if it cannot be had.
  private static func prepareParavirtual() -> Int? {
    guard unsafe control.bootSet != .paravirtual, let symbols = unsafe control.symbols else {
      return nil
    }
    if unsafe control.hash == nil {
      guard let hash = LockHashMemory(symbols) else { return ErrorNumber.noMemory }
      unsafe control.hash = hash
    }
    // The guest may be on another host by now. What is in use stays.
    let state = KernelTarget.currentState
    guard state.isSettled(in: state.set), state.set != .paravirtual else { return nil }
    unsafe control.kick = KickMethod.choose(
      for: control.bootSet, symbols, into: &KernelForms.current)
    return nil
  }

  /// A state that a failure left is sound, but must not last: the next request or the worker goes on from it.
  private static func retryUnlessSettled(_ state: SwitchState) {
    guard !state.isSettled(in: state.set) else {
      unsafe control.retryDelay = 0
      return
    }
    unsafe control.retryDelay = min(max(500, control.retryDelay * 2), 60_000)
    retryLater(unsafe control.retryDelay)
  }
}

extension SwitchFailure {
  /// Whether it could not finish because of the load.
  fileprivate var isForLoad: Bool {
    if case .notQuiescent = self { true } else { false }
  }
}

/// Continues from what a failed switch left to the set that was in force: called by a worker.
@_cdecl("tidelock_retry")
func retry() {
  let state = KernelTarget.currentState
  guard unsafe control.symbols != nil, !state.isSettled(in: state.set) else { return }
  _ = Control.change(to: state.set, unsafe control.last?.reason ?? .operator)
}

/// The hint of the hypervisor, read again: dedicated CPUs want the native set.
///
/// Only a change of the hint switches, and the switch is retried until it is done; a set that an operator
/// has chosen meanwhile stays until the hint changes again. While a policy decides, it sees the hint itself.
@_cdecl("tidelock_hint")
func hint(_ dedicated: Bool) {
  let wanted = dedicated ? LockSet.native : .paravirtual
  if let before = unsafe control.hinted, before != wanted { unsafe control.isHintPending = true }
  unsafe control.hinted = wanted
  guard unsafe control.isHintPending, !PolicyControl.isOn else { return }
  if KernelTarget.currentState.isSettled(in: wanted) || Control.change(to: wanted, .hint) == 0 {
    unsafe control.isHintPending = false
  }
}
