import LockPlatform
import ModelChecker

/// Words of the models of the published protocols, behind those that all models have.
extension Place {
  private static var published: UInt { pokes.address &+ 8 }
  private static var acknowledgements: UInt { published &+ 64 }
  private static var following: UInt { acknowledgements &+ maximumCPUs &* 8 }
  private static var singles: UInt { following &+ maximumCPUs &* 8 }
  private static var passedBase: UInt { singles &+ 7 &* 8 }
  private static var referenceBase: UInt { passedBase &+ maximumCPUs &* 8 }
  private static var slowBase: UInt { referenceBase &+ (maximumCPUs &+ 1) &* 64 }
  private static var slowViewBase: UInt { slowBase &+ 16 &+ UInt(maximumVersions) &* 8 }
  private static var keptBase: UInt { slowViewBase &+ maximumCPUs &* 8 }

  // All of these are words of the layout below.

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
  /// See `ReferenceMachine.counting`.
  static var counting: Location<UInt32> { unsafe Location(address: singles &+ 16) }
  /// Whether the handler emulates by `Counted`.
  static var isCounted: Location<UInt64> { unsafe Location(address: singles &+ 24) }
  /// Whether each CPU is asked to pass the barrier.
  static var barrier: Location<UInt64> { unsafe Location(address: singles &+ 32) }
  /// Whether stop_machine keeps CPUs.
  static var stopped: Location<UInt64> { unsafe Location(address: singles &+ 48) }
  /// Always zero: what a mutation sees instead of a mark.
  static var zero: Location<UInt32> { unsafe Location(address: singles &+ 40) }
  /// Whether the CPU has passed the barrier.
  static func passed(_ cpu: UInt32) -> Location<UInt64> {
    unsafe Location(address: passedBase &+ UInt(cpu) &* 8)
  }
  /// See `ReferenceMachine.references`; one more, always zero, for a mutation.
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

  /// Adds them to a layout.
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
