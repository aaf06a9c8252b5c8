import CodePatching
import KernelServices
import LockPlatform
import LockSwitching

/// The running kernel, as the generic code switches it.
///
/// Called by one thread at a time, with the CPUs held, so that none goes online or offline, and with the
/// lock of the kprobes, so that no probe is set or removed.
enum KernelTarget: SwitchTarget {
  typealias Machine = KernelMachine

  static var state: Location<UInt64> { SharedWords.state }

  /// What is in place now.
  static var currentState: SwitchState {
    // Relaxed: advice, or asked by whoever switches.
    SwitchState(bits: KernelMachine.load(state, .relaxed))
  }

  // MARK: Before anything is changed

  static func prepare(_ request: SwitchRequest) throws(SwitchFailure) {
    guard request.method == .breakpoint else { throw .unsupported }
    unsafe control.lastProbe = 0
    let sites = sites
    for index in 0..<sites.count {
      let found = probe(covering: sites[index].address)
      guard found == 0 else {
        unsafe control.lastProbe = found
        throw .patch(.notWritable(site: sites[index].address))
      }
    }
  }

  // MARK: Text

  nonisolated(unsafe) private static var isTextLocked = false

  /// Where the sites are written while the text is open for writing.
  ///
  /// Breakpoints stand for as long as the writing takes, and one store per site takes far less than one
  /// `text_poke` per site.
  ///
  /// Without memory for it, and while the module is loaded or removed, `text_poke` writes them.
  nonisolated(unsafe) private(set) static var mapping: TextMapping?

  static func openText(forWriting: Bool) throws(SwitchFailure) {
    lockText()
    unsafe isTextLocked = true
    if forWriting { unsafe mapping = TextMapping(sites) }
  }

  static func closeText() throws(SwitchFailure) {
    unsafe mapping?.end()
    unsafe mapping = nil
    unsafe isTextLocked = false
    unlockText()
  }

  static var sites: KernelSites { unsafe control.sites }

  /// All operations are called or inlined at sites.
  static func isText(_: LockOperation) -> Bool { true }

  /// Modules that are loaded from now on get it at their sites.
  ///
  /// The gate never gets there: modules that are loaded during a switch are refused.
  static func note(_ operation: LockOperation, holds implementation: Implementation) {
    guard implementation != .gate else { return }
    let body = KernelForms.body(operation, implementation)
    setKernelOperation(Int32(operation.rawValue), body.function, !body.isInline)
  }

  // MARK: Memory

  /// Nothing is in memory.
  static func put(_: LockOperation, _: Implementation) {}

  static func lead(to slowPath: Implementation) {
    KernelMachine.store(UInt32(slowPath.rawValue), to: KernelMachine.slowPath, .releasing)
  }

  /// Sets the key that makes the native slow path test-and-set.
  ///
  /// The paravirtual one does not look at it. The kernel pokes its text for the key and takes the lock of the
  /// text, which an undo may hold and gives up meanwhile. Other pokes in between do no harm, since the
  /// sites in transit belong to this module alone.
  static func choose(_ slowPath: Implementation) {
    let isSet: Bool
    switch slowPath {
    case .native: isSet = false
    case .testAndSet: isSet = true
    case .paravirtual, .gate: return
    }
    guard let key = unsafe control.symbols?.testAndSetKey, keyIsSet(key) != isSet else { return }
    let wasLocked = unsafe isTextLocked
    if wasLocked { unlockText() }
    setKey(key, isSet)
    if wasLocked { lockText() }
  }

  // MARK: Draining

  // A slow path runs with preemption off from before its call until after its return, so a grace
  // period ends only when every CPU that was in one has left it. RCU does not watch CPUs that
  // idle, but those take locks with interrupts off only.

  /// Names the grace period that a drain waits for.
  nonisolated(unsafe) private static var gracePeriod: UInt = 0

  static func beginDrain() throws(SwitchFailure) {
    unsafe gracePeriod = beginGracePeriod()
  }

  static func isDrained() -> Bool {
    guard unsafe gracePeriodIsOver(gracePeriod) else { return false }
    interruptAll()
    return true
  }

  static func rest() { shortRest() }

  /// An interrupt on every CPU.
  static func fenceEveryCPU() throws(SwitchFailure) { interruptAll() }

  // MARK: Measuring

  static func beginMeasuring() { SwitchMeasurements.begin() }

  static var measured: (longestStall: UInt64, breakpoints: UInt64) { SwitchMeasurements.values }
}
