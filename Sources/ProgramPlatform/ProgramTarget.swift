import CodePatching
import Glibc
import LockPlatform
import LockSwitching
import UserSpaceShims

/// This process as something whose lock operations can be switched.
///
/// Unlock is at patch sites in the text of every image; all other operations are words in memory.
enum ProgramTarget: SwitchTarget {
  typealias Machine = ProgramMachine

  /// In the core's state, which lives as long as the process.
  static var state: Location<UInt64> { unsafe Location(address: tidelock_state_switch_state()) }

  // MARK: Before anything is changed

  static func prepare(_ request: SwitchRequest) throws(SwitchFailure) {
    let state = Process.state
    try fenceEveryCPU()
    let isWritten = pokesText(request, to: request.to, in: state)
    // An undo may write text that the switch itself does not, after one that got stuck.
    guard isWritten || pokesText(request, to: state.set, in: state) else { return }
    switch request.pokeMethod {
    case .store: break
    case .breakpoint: try prepareBreakpoints()
    }
    switch request.protocol {
    case .staged, .barrier: break
    case .stopMachine: try Gathering.prepare(blockingAll: request.options.stopMode == .nmi)
    }
    guard isWritten else { return }
    guard ProgramCode.serializeCores() else { throw .patch(.notSerializable) }
    if beginsWithText(request, in: state) { return }
    // By the time that text is written, others have met the gate; if it cannot be written at all, it
    // is better known now.
    try openText(forWriting: true)
    try closeText()
  }

  /// Whether sites are written on the way to a set.
  private static func pokesText(
    _ request: SwitchRequest, to set: LockSet, in state: SwitchState
  ) -> Bool {
    // Breakpoints on all sites, whatever they hold.
    request.protocol == .barrier || state.isInTransit(.unlock)
      || state[.unlock] != Implementations(set.implementation(of: .unlock))
  }

  /// Whether writing text is the first thing done, so that a refusal comes before anything else.
  private static func beginsWithText(_ request: SwitchRequest, in state: SwitchState) -> Bool {
    let plan = Plan(from: state, to: request.to)
    guard request.protocol == .staged, plan.count > 0, case .poke(let batch) = plan[0] else {
      return false
    }
    return batch[.unlock] != nil
  }

  private static func prepareBreakpoints() throws(SwitchFailure) {
    if let thread = try Tasks.firstBlocking(SIGTRAP) { throw .breakpointsBlocked(thread: thread) }
    guard tidelock_trap_install() == 0 else { throw .unsupported }
  }

  // MARK: Text

  // What the switching thread has open. Set by it alone, and read by contexts nested over it.
  nonisolated(unsafe) private static var openSites: ProgramSites?

  /// Holds the images' lock: no image comes or goes, and the process does not fork.
  static func openText(forWriting isWritten: Bool) throws(SwitchFailure) {
    Process.lockImages()
    do throws(SwitchFailure) {
      let sites = try ProgramSites.understood()
      unsafe openSites = sites
      if isWritten { try openWindows() }
    } catch {
      // Pages that stay writable are the worse news.
      try closeText()
      throw error
    }
  }

  /// Contract: `images_lock` is held, and windows are closed whether this throws or not.
  static func openWindows() throws(SwitchFailure) {
    let maps = try ProcessMaps()
    for image in Images.all {
      guard let (low, high) = image.bounds else { continue }
      try TextWindows.open(from: low, to: high, in: maps)
    }
  }

  static func closeText() throws(SwitchFailure) {
    let refused = TextWindows.close()
    unsafe openSites = nil
    Process.unlockImages()
    if let refused { throw .patch(.notProtected(site: refused)) }
  }

  static var sites: ProgramSites {
    // Contract: between `openText` and `closeText`.
    unsafe openSites.unsafelyUnwrapped
  }

  static func isText(_ operation: LockOperation) -> Bool { operation == .unlock }

  /// In the state, before the images' lock is given up: an image that attaches next asks it.
  static func note(_ operation: LockOperation, holds implementation: Implementation) {
    var now = Process.state
    now[operation] = Implementations(implementation)
    now.setInTransit(operation, false)
    // Relaxed: read with the lock held, or as advice.
    ProgramMachine.store(now.bits, to: state, .relaxed)
  }

  // MARK: Memory

  static func put(_ operation: LockOperation, _ implementation: Implementation) {
    // Relaxed: `lead` publishes it with the slow path that needs it.
    switch operation {
    case .wait:
      ProgramMachine.store(UInt32(implementation.rawValue), to: ProgramMachine.waitWord, .relaxed)
    case .kick:
      ProgramMachine.store(UInt32(implementation.rawValue), to: ProgramMachine.kickWord, .relaxed)
    // Led to, text, and never switched.
    case .slowPath, .unlock, .vcpuIsPreempted: break
    }
  }

  static func lead(to slowPath: Implementation) {
    // Releasing; pairs with the loads in CountedEntry and Counted.
    ProgramMachine.store(UInt32(slowPath.rawValue), to: ProgramMachine.slowPath, .releasing)
  }

  // MARK: Draining

  /// The first thread that has not been seen outside since the drain began.
  ///
  /// Written only by the one thread that switches.
  nonisolated(unsafe) private static var drained: UInt32 = 0

  static func beginDrain() throws(SwitchFailure) {
    unsafe drained = 0
    // Every thread executes a full barrier now. One whose mark we do not see afterwards reads the
    // slow path after it, and so finds the new one: see CountedEntry.
    try fenceEveryCPU()
  }

  static func isDrained() -> Bool {
    // Acquiring, both: pairs with `raiseEnd` and with the release that lowers a mark.
    let end = ProgramMachine.load(ThreadRecord.end, .acquiring)
    while unsafe drained < end {
      let thread = unsafe ThreadRecord(CPUNumber(drained))
      guard ProgramMachine.load(thread.mark, .acquiring) == 0 else { return false }
      unsafe drained += 1
    }
    return true
  }

  static func rest() {
    // Not a synchronisation: only how often one looks. Long enough to leave the processors to
    // those that are waited for.
    tidelock_sleep(50_000)
  }

  static func fenceEveryCPU() throws(SwitchFailure) {
    guard tidelock_barrier() == 0 else { throw .patch(.notSerializable) }
  }

  // MARK: Measuring

  nonisolated(unsafe) private static var breakpointsBefore: UInt64 = 0

  /// When measuring began; a word of the core's state, which stays.
  static var measuredSince: Location<UInt64> {
    unsafe Location(address: tidelock_state_measured_since())
  }

  static func beginMeasuring() {
    ThreadRecord.each { ProgramMachine.store(0, to: $0.longestStall, .relaxed) }
    ProgramMachine.store(0, to: Gathering.longestStall, .relaxed)
    ProgramMachine.store(ProgramMachine.nanoseconds, to: measuredSince, .relaxed)
    unsafe breakpointsBefore = breakpoints
  }

  static var measured: (longestStall: UInt64, breakpoints: UInt64) {
    var longest = ProgramMachine.load(Gathering.longestStall, .relaxed)
    ThreadRecord.each { longest = max(longest, ProgramMachine.load($0.longestStall, .relaxed)) }
    return (longest, unsafe breakpoints &- breakpointsBefore)
  }

  private static var breakpoints: UInt64 {
    var sum = UInt64(ProgramMachine.load(Breakpoints.unnumbered, .relaxed))
    ThreadRecord.each { sum &+= ProgramMachine.load($0.breakpoints, .relaxed) }
    return sum
  }
}
