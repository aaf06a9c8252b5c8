import KernelServices
import KernelText
import LockPlatform
import LockSwitching
import SwitchPolicy

/// What asks for switches when no operator does.
///
/// Everything here runs with the policy's own mutex (policy.c) held, which is never held during a switch.
@safe struct PolicyControl {
  private var policy = Policy(in: KernelTarget.currentState.set, .guest, mode: .off)
  private var log: DecisionLog
  private var samples = KernelSamples()
  private var memory: UnsafeMutableRawPointer

  private init?() {
    // Zeroed, aligned to pages, ours until `end`.
    guard let memory = unsafe allocate(UInt(DecisionLog.byteCount)) else { return nil }
    unsafe self.memory = memory
    log = unsafe DecisionLog(in: memory)
  }

  /// nil before the module is wholly loaded, and when it is removed.
  nonisolated(unsafe) private static var current: PolicyControl?
  nonisolated(unsafe) private static var on = false
  nonisolated(unsafe) private static var switching = false

  /// Whether the policy decides.
  static var isOn: Bool {
    lockPolicy()
    defer { unlockPolicy() }
    return unsafe on
  }

  /// Whether it asks for a switch or makes one.
  static var isSwitching: Bool {
    lockPolicy()
    defer { unlockPolicy() }
    return unsafe switching
  }

  // MARK: Coming and going

  static func begin(_ mode: Line) -> Int {
    guard let mode = self.mode(mode) else { return ErrorNumber.invalid }
    lockPolicy()
    defer { unlockPolicy() }
    unsafe current = PolicyControl()
    guard unsafe current != nil else { return ErrorNumber.noMemory }
    choose(mode)
    return 0
  }

  /// From here on the policy does not look any more.
  static func end() {
    lockPolicy()
    defer { unlockPolicy() }
    unsafe on = false
    guard let memory = unsafe current?.memory else { return }
    unsafe current = nil
    unsafe free(memory, UInt(DecisionLog.byteCount))
  }

  // MARK: Looking

  /// One look, and the switch that it may lead to: on the worker, which may sleep.
  static func look() {
    lockPolicy()
    let wanted = unsafe current?.decide() ?? nil
    unsafe switching = wanted != nil
    unlockPolicy()
    if let wanted { carryOut(wanted) }
    lockPolicy()
    unsafe switching = false
    if unsafe on { lookLater() }
    unlockPolicy()
  }

  private mutating func decide() -> Decision? {
    let sample = samples.look()
    heedOthers(at: sample.time)
    let decision = policy.decide(sample)
    log.add(decision)
    return decision.change == nil ? nil : decision
  }

  /// What operators, the hint and retries have put in place meanwhile.
  private mutating func heedOthers(at time: UInt64) {
    let state = KernelTarget.currentState
    guard policy.underWay == nil, state.isSettled(in: state.set), state.set != policy.inForce
    else { return }
    log.add(policy.switched(to: state.set, at: time))
  }

  private static func carryOut(_ decision: Decision) {
    guard let set = decision.change else { return }
    lockControl()
    defer { unlockControl() }
    // An operator may have chosen first.
    lockPolicy()
    let isWanted = unsafe current?.stillWants(set) ?? false
    unlockPolicy()
    guard isWanted else { return }
    let error = Control.change(to: set, decision.reason.isHint ? .hint : .policy)
    lockPolicy()
    unsafe current?.ended(in: set, error)
    unlockPolicy()
  }

  private mutating func stillWants(_ set: LockSet) -> Bool {
    guard policy.mode != .off, policy.pinned ?? set == set else {
      policy.abandon()
      return false
    }
    return true
  }

  private mutating func ended(in set: LockSet, _ error: Int) {
    let now = nanosecondsNow()
    log.add(error == 0 ? policy.switched(to: set, at: now) : policy.switchFailed(at: now))
  }

  // MARK: The operator

  /// An operator has put a set in place, which stays until the policy is chosen again.
  static func pin(_ set: LockSet) {
    lockPolicy()
    unsafe current?.keep(set)
    unlockPolicy()
  }

  private mutating func keep(_ set: LockSet) {
    if policy.inForce != set { log.add(policy.switched(to: set, at: nanosecondsNow())) }
    policy.pin(set)
  }

  static func store(_ line: Line) -> Bool {
    guard let mode = mode(line) else { return false }
    lockPolicy()
    choose(mode)
    unlockPolicy()
    return true
  }

  private static func choose(_ mode: PolicyMode) {
    let wasOn = unsafe on
    guard unsafe current != nil else { return }
    unsafe current?.giveBack(to: mode, afresh: !wasOn)
    unsafe on = mode != .off
    if unsafe on, !wasOn { lookLater() }
    withLine(often: true) { line in
      line.write("policy ")
      line.write(mode.name)
    }
  }

  private mutating func giveBack(to mode: PolicyMode, afresh: Bool) {
    if afresh { samples = KernelSamples() }
    heedOthers(at: nanosecondsNow())
    policy.giveBack(to: mode)
  }

  private static func mode(_ line: Line) -> PolicyMode? {
    for number in 0..<3 {
      if let mode = PolicyMode(rawValue: UInt8(number)), line.equals(mode.name) { return mode }
    }
    return nil
  }

  // MARK: Showing

  static func show(_ text: inout TextBuffer) {
    lockPolicy()
    defer { unlockPolicy() }
    guard let policy = unsafe current?.policy else { return }
    text.write(policy.mode.name)
    guard let pinned = policy.pinned else { return }
    text.write(", pinned to ")
    text.write(pinned.name)
  }

  static func showDecisions(_ text: inout TextBuffer) {
    lockPolicy()
    defer { unlockPolicy() }
    guard let log = unsafe current?.log else { return }
    for index in 0..<log.count { log[index]?.write { text.write(byte: $0) } }
  }
}

// MARK: What C calls

/// Begins, in a mode or off; 0 or an error number.
@_cdecl("tidelock_policy_begin")
func policyBegin(_ mode: UnsafePointer<UInt8>, _ size: Int) -> Int {
  // Contract of the caller.
  PolicyControl.begin(unsafe Line(mode, size))
}

@_cdecl("tidelock_policy_end")
func policyEnd() { PolicyControl.end() }

@_cdecl("tidelock_policy_look")
func policyLook() { PolicyControl.look() }

/// Whether it asks for a switch or makes one.
@_cdecl("tidelock_policy_switches")
func policySwitches() -> Bool { PolicyControl.isSwitching }

@_cdecl("tidelock_policy_show")
func policyShow(_ page: UnsafeMutablePointer<UInt8>, _ size: Int) -> Int {
  // The page is of that size, contract of sysfs.
  var text = unsafe TextBuffer(page, capacity: size)
  PolicyControl.show(&text)
  text.write("\n")
  return text.count
}

@_cdecl("tidelock_policy_store")
func policyStore(_ text: UnsafePointer<UInt8>, _ size: Int) -> Int {
  // Contract of sysfs.
  PolicyControl.store(unsafe Line(text, size)) ? size : ErrorNumber.invalid
}

@_cdecl("tidelock_policy_decisions")
func policyDecisions(_ memory: UnsafeMutablePointer<UInt8>, _ size: Int) -> Int {
  // Contract of the caller.
  var text = unsafe TextBuffer(memory, capacity: size)
  PolicyControl.showDecisions(&text)
  return text.count
}
