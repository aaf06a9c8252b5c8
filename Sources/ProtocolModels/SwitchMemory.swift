import LockPlatform
import ModelChecker

/// Words of the models that switch, behind those that all models have.
extension ModelMemory {
  private static var switching: UInt { look(UInt32(maximumCPUs)).address }
  private static var published: UInt { switching &+ 12 &* 8 &+ maximumCPUs &* 8 }
  private static var acknowledgements: UInt { published &+ 64 }
  private static var following: UInt { acknowledgements &+ maximumCPUs &* 8 }
  private static var singles: UInt { following &+ maximumCPUs &* 8 }
  private static var passedBase: UInt { singles &+ 10 &* 8 }
  private static var referenceBase: UInt { passedBase &+ maximumCPUs &* 8 }
  private static var slowBase: UInt { referenceBase &+ (maximumCPUs &+ 1) &* 64 }
  private static var slowViewBase: UInt { slowBase &+ 16 &+ UInt(maximumVersions) &* 8 }
  private static var keptBase: UInt { slowViewBase &+ maximumCPUs &* 8 }

  // All of these are words of the layout below.

  /// See `SwitchTarget.state`.
  static var state: Location<UInt64> { unsafe Location(address: switching) }
  /// Where the slow path is to lead after the switch under way, plus one.
  static var wanted: Location<UInt64> { unsafe Location(address: switching &+ 8) }
  /// Somebody else has changed a site, until the text is closed.
  static var altered: Location<UInt64> { unsafe Location(address: switching &+ 16) }
  /// A drain has begun and has not ended.
  static var draining: Location<UInt64> { unsafe Location(address: switching &+ 24) }
  /// The drain has just looked in vain: the time may be over.
  static var lookedInVain: Location<UInt64> { unsafe Location(address: switching &+ 32) }
  /// The state before the switch under way, and whether it was another when a call first failed.
  static var stateBefore: Location<UInt64> { unsafe Location(address: switching &+ 40) }
  static var failedLate: Location<UInt64> { unsafe Location(address: switching &+ 48) }
  /// A call has failed since the text was opened.
  static var failedInText: Location<UInt64> { unsafe Location(address: switching &+ 56) }
  /// How many calls have failed in the switch under way.
  static var failuresNow: Location<UInt64> { unsafe Location(address: switching &+ 64) }
  /// The text is, or was last, open for writing, not only for looking.
  static var isForWriting: Location<UInt64> { unsafe Location(address: switching &+ 80) }
  /// Whether a kernel's native slow path is test-and-set.
  static var key: Location<UInt64> { unsafe Location(address: switching &+ 88) }
  /// How many slow paths of a kernel the CPU is in: grace periods wait for it.
  static func section(_ cpu: UInt32) -> Location<UInt32> {
    unsafe Location(address: switching &+ 96 &+ UInt(cpu) &* 8)
  }
  /// Book-keeping of a mutation about the leader of a lock-step.
  static var finishing: Location<UInt64> { unsafe Location(address: switching &+ 72) }

  /// What `LockStep` shares.
  static var lockStep: UInt { published }
  static func acknowledgement(_ cpu: UInt32) -> Location<UInt64> {
    unsafe Location(address: acknowledgements &+ UInt(cpu) &* 8)
  }
  /// The state of the gathering that the CPU is held by; 0 if it is not.
  static func following(_ cpu: UInt32) -> Location<UInt64> {
    unsafe Location(address: following &+ UInt(cpu) &* 8)
  }
  /// Whether the switching CPU gathers (1), and whether it patches (2).
  static var leading: Location<UInt64> { unsafe Location(address: singles) }
  /// The switch is over.
  static var finished: Location<UInt64> { unsafe Location(address: singles &+ 8) }
  /// See `SwitchMachine.counting`.
  static var counting: Location<UInt32> { unsafe Location(address: singles &+ 16) }
  /// Whether the handler emulates by `Counted`.
  static var isCounted: Location<UInt64> { unsafe Location(address: singles &+ 24) }
  /// How often each CPU was asked to pass the barrier; the last time that it did is `passed`.
  static var barrier: Location<UInt64> { unsafe Location(address: singles &+ 32) }
  /// Odd while stop_machine keeps CPUs; each time another number.
  static var stopped: Location<UInt64> { unsafe Location(address: singles &+ 48) }
  /// What the leader does while CPUs are gathered: which implementations, from which state, until
  /// when.
  static var workBatch: Location<UInt64> { unsafe Location(address: singles &+ 56) }
  static var workState: Location<UInt64> { unsafe Location(address: singles &+ 64) }
  static var workDeadline: Location<UInt64> { unsafe Location(address: singles &+ 72) }
  /// Always zero: what a mutation sees instead of a mark.
  static var zero: Location<UInt32> { unsafe Location(address: singles &+ 40) }
  /// The last barrier that the CPU has passed.
  static func passed(_ cpu: UInt32) -> Location<UInt64> {
    unsafe Location(address: passedBase &+ UInt(cpu) &* 8)
  }
  /// See `SwitchMachine.references`; one more, always zero, for a mutation.
  static func references(_ cpu: UInt32) -> UInt { referenceBase &+ UInt(cpu) &* 64 }
  /// The slow path site, as `site` is that of unlock.
  static var slowSite: Location<UInt64> { unsafe Location(address: slowBase) }
  static var slowVersions: Location<UInt64> { unsafe Location(address: slowBase &+ 8) }
  static func slowVersion(_ index: UInt64) -> Location<UInt64> {
    unsafe Location(address: slowBase &+ 16 &+ UInt(index) &* 8)
  }
  static func slowView(_ cpu: UInt32) -> Location<UInt64> {
    unsafe Location(address: slowViewBase &+ UInt(cpu) &* 8)
  }
  /// Locks, by bit, that the CPU took by a slow path that was to be counted until the unlock.
  ///
  /// Book-keeping of the model.
  static func kept(_ cpu: UInt32) -> Location<UInt64> {
    unsafe Location(address: keptBase &+ UInt(cpu) &* 8)
  }

  /// Adds those that every switch needs to a layout.
  static func addSwitching(to layout: inout WordLayout, switcher: Int) {
    let first = layout.add("state", .ghost)
    precondition(first == state.address)
    for name in [
      "wanted", "altered", "draining", "lookedInVain", "stateBefore", "failedLate", "failedInText",
      "failuresNow", "finishing", "isForWriting",
    ] {
      _ = layout.add(name, .ghost)
    }
    _ = layout.add("key", .written(by: switcher))
    for cpu in 0..<Int(maximumCPUs) { _ = layout.add("cpu\(cpu).section", .written(by: cpu)) }
  }

  /// Adds those of the published protocols, and of the slow path as text.
  static func addPublished(to layout: inout WordLayout, switcher: Int) {
    let numbers = 0..<Int(maximumCPUs)
    let first = layout.add("lockStep.state")
    precondition(first == published)
    // Followers look at the deadline.
    _ = layout.add("lockStep.deadline", .written(by: switcher))
    for name in ["site", "formBytes", "formCount"] {
      _ = layout.add("lockStep.\(name)", .owned(by: switcher))
    }
    _ = layout.add("lockStep.unused", bytes: 24, .ghost)
    for cpu in numbers { _ = layout.add("cpu\(cpu).acknowledged", .written(by: cpu)) }
    for cpu in numbers { _ = layout.add("cpu\(cpu).following", .owned(by: cpu)) }
    _ = layout.add("leading", .owned(by: switcher))
    for name in ["finished", "counting", "isCounted", "barrier"] {
      _ = layout.add(name, .written(by: switcher))
    }
    _ = layout.add("zero", .ghost)
    _ = layout.add("stopped", .written(by: switcher))
    for name in ["workBatch", "workState", "workDeadline"] { _ = layout.add(name, .ghost) }
    for cpu in numbers { _ = layout.add("cpu\(cpu).passed", .written(by: cpu)) }
    for cpu in numbers {
      let area = layout.add("cpu\(cpu).references", bytes: 64, .written(by: cpu))
      layout.name("cpu\(cpu).generation", at: area, bytes: 8)
      // A CPU of these models keeps two at most: the other places never change.
      for unused in 3..<8 { layout.share(area &+ UInt(unused) &* 8, .ghost) }
    }
    _ = layout.add("noReferences", bytes: 64, .ghost)
    _ = layout.add("slowPathSite", .written(by: switcher))
    _ = layout.add("slowPathVersions", .ghost)
    for index in 0..<maximumVersions { _ = layout.add("slowPathVersion\(index)", .ghost) }
    for cpu in numbers { _ = layout.add("cpu\(cpu).slowPathView", .ghost) }
    for cpu in numbers { _ = layout.add("cpu\(cpu).kept", .ghost) }
  }
}
