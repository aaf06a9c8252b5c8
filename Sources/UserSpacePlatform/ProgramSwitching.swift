import CodePatching
import LockPlatform
import LockSwitching
import UserSpaceShims

/// This process as something whose lock operations can be switched.
enum ProgramSwitching: SwitchTarget {
  static func prepare(_ plan: Plan, _ method: PokeMethod) throws(SwitchFailure) {
    try Process.withImages { () throws(SwitchFailure) in
      let sites = try understoodSites()
      // Every site, even if this plan does not poke it: what it holds must be what the table says.
      do throws(PatchError) {
        _ = try Poke<ProgramText>.verify(
          sites, .unlock, holds: UserSpace.implementation(of: .unlock))
      } catch {
        throw .patch(error)
      }
    }
    if method == .breakpoint, plan.pokesText { try prepareBreakpoints() }
  }

  /// All sites, if they are such as this core understands.
  ///
  /// Contract: `images_lock` is held.
  static func understoodSites() throws(SwitchFailure) -> AllSites {
    let sites = AllSites()
    guard sites.count > 0 else { throw .patch(.noSites) }
    for image in Images.all where unsafe !image.record.pointee.isUnderstood {
      throw .patch(.noForm(site: image.bounds?.low ?? 0))
    }
    return sites
  }

  static func poke(
    _ operation: LockOperation, from old: Implementation, to new: Implementation,
    by method: PokeMethod
  ) throws(SwitchFailure) -> UInt32 {
    let entry = UserSpace.entry(of: operation)
    guard operation == .unlock else {
      // Releasing; pairs with the load in CountedEntry.
      UserSpace.store(UInt32(new.rawValue), to: entry, .releasing)
      return 0
    }
    return try Process.withImages { () throws(SwitchFailure) in
      let sites = AllSites()
      let count = try pokeText(sites, sites.bounds, from: old, to: new, by: method)
      // Relaxed: read with the lock held, or as advice.
      UserSpace.store(UInt32(new.rawValue), to: entry, .relaxed)
      return UInt32(count)
    }
  }

  /// Pokes the unlock sites of some images.
  ///
  /// Contract: `images_lock` is held.
  static func pokeText(
    _ sites: some SiteTable, _ bounds: [(low: UInt, high: UInt)], from old: Implementation,
    to new: Implementation, by method: PokeMethod
  ) throws(SwitchFailure) -> Int {
    var windows = TextWindows()
    defer { windows.close() }
    for (low, high) in bounds where !windows.open(from: low, to: high) {
      throw .patch(.notWritable(site: low))
    }
    do throws(PatchError) {
      return try Poke<ProgramText>.poke(sites, .unlock, from: old, to: new, by: method)
    } catch {
      throw .patch(error)
    }
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
    let end = UserSpace.load(ThreadRecord.end, .acquiring)
    while unsafe drained < end {
      let thread = unsafe ThreadRecord(CPUNumber(drained))
      guard UserSpace.load(thread.mark, .acquiring) == 0 else { return false }
      unsafe drained += 1
    }
    return true
  }

  static func rest() {
    // Not a synchronisation: only how often one looks. Long enough to leave the processors to
    // those that are waited for.
    tidelock_sleep(50_000)
  }

  // MARK: Measuring

  static var nanoseconds: UInt64 { tidelock_nanoseconds() }

  nonisolated(unsafe) private static var breakpointsBefore: UInt64 = 0

  /// When measuring began; a word of the core's state, which stays.
  static var measuredSince: Location<UInt64> {
    unsafe Location(address: tidelock_state_measured_since())
  }

  static func beginMeasuring() {
    ThreadRecord.each { UserSpace.store(0, to: $0.longestHold, .relaxed) }
    UserSpace.store(0, to: Gathering.longestHeld, .relaxed)
    UserSpace.store(nanoseconds, to: measuredSince, .relaxed)
    unsafe breakpointsBefore = breakpoints
  }

  static var measured: (longestHold: UInt64, breakpoints: UInt64) {
    var longest = UserSpace.load(Gathering.longestHeld, .relaxed)
    ThreadRecord.each { longest = max(longest, UserSpace.load($0.longestHold, .relaxed)) }
    return (longest, unsafe breakpoints &- breakpointsBefore)
  }

  private static var breakpoints: UInt64 {
    var sum = UInt64(UserSpace.load(Breakpoints.unnumbered, .relaxed))
    ThreadRecord.each { sum &+= UserSpace.load($0.breakpoints, .relaxed) }
    return sum
  }
}

extension ThreadRecord {
  /// Visits every record that was ever in use.
  ///
  /// Not a sequence: a generic type asks the Swift runtime for its description, and in the child of
  /// a fork the runtime's lock may be held by a thread that is gone.
  static func each(_ body: (ThreadRecord) -> Void) {
    var number: UInt32 = 0
    let end = UserSpace.load(end, .acquiring)
    while number < end {
      body(ThreadRecord(CPUNumber(number)))
      number += 1
    }
  }
}

extension Plan {
  /// Whether it pokes unlock, the one operation that is text in a program.
  var pokesText: Bool {
    for index in 0..<count {
      if case .poke(.unlock, _, _) = self[index] { return true }
    }
    return false
  }
}
