import CodePatching
import LockPlatform
import LockSwitching

extension FakeGuest: SwitchTarget {
  typealias Machine = FakeGuest

  static var state: Location<UInt64> { unsafe Location(address: 0x180) }

  static func prepare(_: SwitchRequest) throws(SwitchFailure) {
    if refusesToPrepare { throw .noFreeSignal }
  }

  static func openText(forWriting: Bool) throws(SwitchFailure) {
    precondition(text == .closed)
    guard isGranted() else { throw .patch(.notWritable(site: 0x800)) }
    text = forWriting ? .writing : .reading
  }
  static func closeText() throws(SwitchFailure) {
    precondition(text != .closed)
    text = .closed
    guard isGranted() else { throw .patch(.notProtected(site: 0x800)) }
  }
  static var sites: FakeGuestSites { FakeGuestSites() }
  static func isText(_ operation: LockOperation) -> Bool { operation == .unlock || isKernel }
  static func note(_ operation: LockOperation, holds implementation: Implementation) {
    table[Int(operation.rawValue)] = implementation
  }

  static func put(_ operation: LockOperation, _ implementation: Implementation) {
    precondition(!isText(operation) && operation != .slowPath)
    table[Int(operation.rawValue)] = implementation
    checkMixture()
  }
  static func lead(to path: Implementation) {
    store(UInt32(path.rawValue), to: slowPath, .relaxed)
    if !isKernel { table[0] = path }
    checkMixture()
  }
  static func choose(_ path: Implementation) {
    if path == .native || path == .testAndSet { chosen = path }
  }

  static func beginDrain() throws(SwitchFailure) {
    guard isGranted() else { throw .patch(.notSerializable) }
  }
  static func isDrained() -> Bool {
    guard (0..<cpus).allSatisfy({ load(mark(of: $0), .relaxed) == 0 }) else { return false }
    occupied = .none
    checkMixture()
    return true
  }
  static func rest() {
    clock += 100
    onRest()
  }
  static func fenceEveryCPU() throws(SwitchFailure) { try beginDrain() }

  static func beginMeasuring() {}
  static var measured: (longestStall: UInt64, breakpoints: UInt64) { (42, 5) }

  static var gathersOutsideSlowPaths: Bool { isKernel }
  static func gather(
    for work: StopMachineWork<FakeGuest>, _: StopMode
  ) throws(SwitchFailure) -> StopMachineOutcome {
    let first = LockStep<FakeGuest>.begin(until: work.deadline)
    store(first, to: unsafe Location(address: 0x540), .relaxed)
    while !haveAcknowledged(first) {
      guard clock < work.deadline else {
        LockStep<FakeGuest>.giveUp()
        throw .notGathered(thread: straggler)
      }
      relax(0)
    }
    isStopped = isKernel
    let outcome = work.lead()
    if isKernel { occupied = .none }
    if isKernel, outcome.failure != nil {
      LockStep<FakeGuest>.giveUp()
      precondition(work.putBack())
    }
    isStopped = false
    LockStep<FakeGuest>.letGo()
    checkMixture()
    return outcome
  }

  static func setCounted(_ value: Bool) { isCounted = value }
}
