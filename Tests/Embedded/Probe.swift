// The generic floors on a machine without an operating system, as a kernel module has them.
//
// Scripts/check compiles this as Embedded Swift without allocation, links it with the floors, drops
// what is not reached from the functions below, and looks at what is left undefined: nothing but
// memory copies may be. It is compiled and linked, not run.
import CodePatching
import GuestSiteTable
import LockPlatform
import LockSwitching
import QueuedSpinlocks
import SwitchPolicy
import Synchronization

/// One CPU, memory at fixed addresses.
enum BareMachine: ProcessorMemory {
  static func compilerBarrier() { atomicMemoryFence(ordering: .sequentiallyConsistent) }
  static func pause(_: UInt32) {}
  /// A clock that is read as memory.
  static var clock: Location<UInt64> { unsafe Location(address: 0x50000) }
  /// Where text comes out.
  static var output: Location<UInt8> { unsafe Location(address: 0x60000) }
}

extension BareMachine: LockMachine {
  static var currentCPU: CPUNumber? { CPUNumber(0) }
  static func queueArea(of cpu: CPUNumber) -> UInt { 0x10000 + UInt(cpu.rawValue) * 512 }
  static var lockHash: (address: UInt, entries: UInt) { (0x20000, 64) }
  static func wait(on word: Location<UInt32>, while value: UInt32) {}
  static func kick(_: Location<UInt32>) {}
  static func isPreempted(_: CPUNumber) -> Bool { false }
  static var ticks: UInt64 { load(clock, .relaxed) }
  static var turn: UInt64 { 1000 }
  static func count(_: LockEvent) {}
}

extension BareMachine: SwitchMachine {
  typealias Code = BareMachine
  static var slowPath: Location<UInt32> { unsafe Location(address: 0x30008) }
  static var mark: Location<UInt32>? { unsafe Location(address: 0x30000) }
  static func mark(of cpu: UInt32) -> Location<UInt32> { unsafe Location(address: 0x30000) }
  static var cpuEnd: UInt32 { 1 }
  static var counting: Location<UInt32> { unsafe Location(address: 0x30010) }
  static var references: UInt? { 0x31000 }
  static func references(of cpu: UInt32) -> UInt { 0x31000 }
  static func acquired(_ lock: UInt) { References<BareMachine>.keep(lock) }
  static func yield(_: UInt32) {}
  static var nanoseconds: UInt64 { load(clock, .relaxed) }
  static func noteStall(_: UInt64) {}
  static var lockStepArea: UInt { 0x32000 }
  static var gathered: GatheredCPU? {
    unsafe GatheredCPU(
      acknowledgement: Location(address: 0x33000), state: LockStep<BareMachine>.current)
  }
  static var isLeader: Bool { false }
  static func haveAcknowledged(_ state: UInt64) -> Bool { true }
  static var straggler: Int32 { 0 }
  static func serializeThisCore() {}
  static func relax(_: UInt32) {}
}

extension BareMachine: CodeMemory {
  static func loadCode(_ address: UInt, count: Int) -> UInt64 {
    unsafe load(Location(address: address), .relaxed)
  }
  static func storeCodeWord(_ word: UInt64, at address: UInt) -> Bool {
    unsafe store(word, to: Location(address: address), .relaxed)
    return true
  }
  static func storeCode(_ bytes: UInt64, count: Int, at address: UInt) -> Bool {
    unsafe store(bytes, to: Location(address: address), .relaxed)
    return true
  }
  static func serializeCores() -> Bool { true }
}

struct BareSites: SiteTable {
  var count: Int { 2 }
  func site(_ index: Int) -> (address: UInt, operation: LockOperation) {
    (0x40000 + UInt(index) * 8, .unlock)
  }
  func form(of index: Int, as implementation: Implementation) -> Form? {
    implementation == .native
      ? ProgramUnlockForms.native
      : ProgramUnlockForms.paravirtual(site: site(index).address, stub: 0x50000)
  }
}

extension BareMachine: SwitchTarget {
  typealias Machine = BareMachine
  static var state: Location<UInt64> { unsafe Location(address: 0x30018) }
  static func prepare(_: SwitchRequest) throws(SwitchFailure) {}
  static func openText(forWriting: Bool) throws(SwitchFailure) {}
  static func closeText() throws(SwitchFailure) {}
  static var sites: BareSites { BareSites() }
  static func isText(_ operation: LockOperation) -> Bool { operation == .unlock }
  static func note(_: LockOperation, holds: Implementation) {}
  static func put(_: LockOperation, _: Implementation) {}
  static func lead(to path: Implementation) {
    store(UInt32(path.rawValue), to: slowPath, .releasing)
  }
  static func beginDrain() {}
  static func isDrained() -> Bool { true }
  static func rest() {}
  static func fenceEveryCPU() {}
  static func beginMeasuring() {}
  static var measured: (longestStall: UInt64, breakpoints: UInt64) { (0, 0) }
  static var gathersOutsideSlowPaths: Bool { true }
  static func gather(
    for work: StopMachineWork<BareMachine>, _: StopMode
  ) throws(SwitchFailure) -> StopMachineOutcome {
    _ = LockStep<BareMachine>.begin(until: work.deadline)
    defer { LockStep<BareMachine>.letGo() }
    let outcome = work.lead()
    return outcome.failure == nil || work.putBack() ? outcome : work.lead()
  }
  static func setCounted(_: Bool) {}
}

/// Every slow path.
@c(probe_lock) public func probeLock(_ address: UInt) {
  CountedEntry<BareMachine>.slowPath(unsafe LockWord(address: address))
}

/// Both unlocks.
@c(probe_unlock) public func probeUnlock(_ address: UInt) {
  ParavirtualQueue<BareMachine>.unlock(unsafe LockWord(address: address))
  NativeQueue<BareMachine>.unlock(unsafe LockWord(address: address))
}

/// The handler of breakpoints.
@c(probe_hit) public func probeHit(_ address: UInt, _ lock: UInt) -> Bool {
  let hit = BreakpointHit.resolve(address, BareSites(), BareMachine.self)
  guard hit != .retry, LockStep<BareMachine>.meet(address) == .emulate else { return true }
  Counted<BareMachine>.perform { inForce in
    let word = unsafe LockWord(address: lock)
    inForce == .native
      ? NativeQueue<BareMachine>.unlock(word) : ParavirtualQueue<BareMachine>.unlock(word)
  }
  References<BareMachine>.drop(lock)
  return false
}

/// A CPU that was gathered.
@c(probe_follow) public func probeFollow() {
  LockStep<BareMachine>.follow()
}

/// A switch by each protocol, and its report.
@c(probe_switch) public func probeSwitch(_ from: UInt8, _ to: UInt8, _ how: UInt8) {
  guard let old = LockSet(rawValue: from), let new = LockSet(rawValue: to),
    let how = SwitchProtocol(rawValue: how)
  else { return }
  BareMachine.store(SwitchState(old).bits, to: BareMachine.state, .relaxed)
  let report = SwitchRun<BareMachine>.run(
    SwitchRequest(to: new, using: how, poking: .breakpoint, timeLimit: 1000, reason: .hint))
  report.writeJSON { byte in BareMachine.store(byte, to: BareMachine.output, .relaxed) }
}

nonisolated(unsafe) private var policy = Policy(in: .paravirtual, .guest)
nonisolated(unsafe) private var decisions: DecisionLog?

/// The policy that a worker asks, and its log.
@c(probe_policy) public func probePolicy(_ time: UInt64, _ waited: Int64, _ ended: Bool) -> UInt8 {
  let sample = PolicySample(
    time: time, elapsed: 250_000_000, cpus: 4, waited: waited, ran: 1, hint: .none)
  guard let memory = unsafe UnsafeMutableRawPointer(bitPattern: 0x70000) else { return 0 }
  // The worker is alone with them, and the memory is this machine's.
  var log = unsafe decisions ?? DecisionLog(in: memory)
  defer { unsafe decisions = log }
  log.add(unsafe policy.decide(sample))
  log.add(
    unsafe ended ? policy.switched(to: .native, at: time) : policy.switchFailed(at: time))
  unsafe policy.pin(.native)
  unsafe policy.giveBack(to: .automatic)
  guard let entry = log[0] else { return 0 }
  entry.write { byte in BareMachine.store(byte, to: BareMachine.output, .relaxed) }
  return entry.decision.reason.rawValue
}

/// An NMI that a CPU sends, and one that it receives.
@c(probe_nmi) public func probeNMI(_ received: UInt32) -> Bool {
  // Memory of this machine's.
  let claims = unsafe NMIClaims<BareMachine>(area: 0x80000)
  claims.begin()
  claims.end()
  claims.settle()
  return claims.claim(recognised: received)
}

/// What forbids to switch a kernel.
@c(probe_obstacle) public func probeObstacle(_ isTDX: Bool) -> UInt32 {
  var surroundings = GuestSurroundings()
  surroundings.isTDX = isTDX
  return UInt32(GuestObstacle.first(in: surroundings)?.sentence.utf8CodeUnitCount ?? 0)
}

/// The table of a kernel's sites: the check, the binding, an entry.
@c(probe_table) public func probeTable(_ start: UInt, _ size: Int) -> UInt32 {
  guard let start = unsafe UnsafeRawPointer(bitPattern: start) else { return 0 }
  let table = unsafe UnsafeRawBufferPointer(start: start, count: size)
  do throws(GuestSiteTable.Fault) {
    let count = try unsafe GuestSiteTable.check(table.bytes)
    guard unsafe GuestSiteTable.table(table.bytes, hasBuildID: table.bytes) else { return 0 }
    return unsafe GuestSiteTable.entry(count - 1, in: table.bytes)?.offset ?? 0
  } catch {
    return UInt32(error.sentence.utf8CodeUnitCount)
  }
}
