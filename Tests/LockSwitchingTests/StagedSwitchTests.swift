import CodePatching
import LockPlatform
import LockSwitching
import Testing

/// A system that records what is done to it and fails on demand.
///
/// Static, because platforms are; the suite that uses it is serialized.
enum FakeSystem: SwitchTarget {
  /// In the order of their raw values.
  static let operations: [LockOperation] = [.slowPath, .unlock, .wait, .kick, .vcpuIsPreempted]
  nonisolated(unsafe) static var table: [Implementation] = []
  nonisolated(unsafe) static var clock: UInt64 = 0
  nonisolated(unsafe) static var looksUntilDrained = 0
  nonisolated(unsafe) static var refusesToPrepare = false
  /// How many pokes succeed before one fails.
  nonisolated(unsafe) static var pokesBeforeFailure = Int.max
  /// Slow paths somebody may be in, and the unlocks in place: checked after every change.
  nonisolated(unsafe) static var mixture = Mixture(
    slowPaths: Implementations(.native), unlocks: Implementations(.native))
  nonisolated(unsafe) static var wasUnsound = false

  static func reset(_ set: LockSet) {
    table = operations.map(set.implementation)
    clock = 0
    looksUntilDrained = 3
    refusesToPrepare = false
    pokesBeforeFailure = .max
    mixture = Mixture(
      slowPaths: Implementations(set.implementation(of: .slowPath)),
      unlocks: Implementations(set.implementation(of: .unlock)))
    wasUnsound = false
  }

  static func isIn(_ set: LockSet) -> Bool {
    table == operations.map(set.implementation)
  }

  static func prepare(_ plan: Plan, _ method: PokeMethod) throws(SwitchFailure) {
    if refusesToPrepare { throw .patch(.noSites) }
  }

  static func poke(
    _ operation: LockOperation, from old: Implementation, to new: Implementation,
    by method: PokeMethod
  ) throws(SwitchFailure) -> UInt32 {
    guard pokesBeforeFailure > 0 else {
      pokesBeforeFailure = .max
      throw .patch(.notWritable(site: 0x1000))
    }
    pokesBeforeFailure -= 1
    #expect(table[Int(operation.rawValue)] == old)
    table[Int(operation.rawValue)] = new
    if operation == .unlock {
      mixture.unlocks.insert(new)
      wasUnsound = wasUnsound || !mixture.isSound
      mixture.unlocks = Implementations(new)
    }
    if operation == .slowPath { mixture.slowPaths.insert(new) }
    wasUnsound = wasUnsound || !mixture.isSound
    clock += 10
    return operation == .unlock ? 7 : 0
  }

  static func beginDrain() {}

  static func isDrained() -> Bool {
    looksUntilDrained -= 1
    guard looksUntilDrained <= 0 else { return false }
    mixture.slowPaths = Implementations(table[0])
    return true
  }

  static func rest() { clock += 100 }
  static var nanoseconds: UInt64 { clock }
  static func beginMeasuring() {}
  static var measured: (longestHold: UInt64, breakpoints: UInt64) { (42, 5) }
}

@Suite(.serialized) struct StagedSwitchTests {
  func run(_ from: LockSet, _ to: LockSet, limit: UInt64 = 1_000_000) -> (
    SwitchReport, SwitchFailure?
  ) {
    StagedSwitch<FakeSystem>.run(
      SwitchRequest(from: from, to: to, method: .store, timeLimit: limit, reason: .operator))
  }

  @Test(arguments: directions)
  func reachesTheSetThroughSoundMixtures(_ from: LockSet, _ to: LockSet) {
    FakeSystem.reset(from)
    let (report, failure) = run(from, to)
    #expect(failure == nil)
    #expect(report.result == .done)
    #expect(FakeSystem.isIn(to))
    #expect(!FakeSystem.wasUnsound)
    #expect(report.longestStall == 42)
    #expect(report.breakpoints == 5)
    #expect(report.stepCount == Plan.staged(from: from, to: to).count)
  }

  @Test func addsUpWhatItDid() {
    FakeSystem.reset(.native)
    let (report, _) = run(.native, .paravirtual)
    #expect(report.sites == 7)
    // Six pokes of 10, two rests of 100.
    #expect(report.nanoseconds == 260)
    #expect(report.step(5).step == .drain(.native))
    #expect(report.step(5).nanoseconds == 200)
  }

  @Test func doesNothingToStay() {
    FakeSystem.reset(.paravirtual)
    let (report, failure) = run(.paravirtual, .paravirtual)
    #expect(failure == nil)
    #expect(report.result == .unchanged)
  }

  @Test func changesNothingWhenRefused() {
    FakeSystem.reset(.native)
    FakeSystem.refusesToPrepare = true
    let (report, failure) = run(.native, .paravirtual)
    #expect(failure == .patch(.noSites))
    #expect(report.result == .refused)
    #expect(FakeSystem.isIn(.native))
  }

  /// Whichever poke fails, the system ends in the set it was in, through sound mixtures.
  @Test(arguments: directions)
  func undoesAFailureAtEveryStep(_ from: LockSet, _ to: LockSet) {
    var failures = 0
    for step in 0... {
      FakeSystem.reset(from)
      FakeSystem.pokesBeforeFailure = step
      let (report, failure) = run(from, to)
      if failure == nil { break }
      failures += 1
      #expect(report.result == .undone)
      #expect(FakeSystem.isIn(from), "after \(step) pokes")
      #expect(!FakeSystem.wasUnsound, "after \(step) pokes")
    }
    #expect(failures >= 2)
  }

  /// A limit that no clock reaches is no limit, and not one that is over already.
  @Test func aLimitBeyondTheClockIsNone() {
    FakeSystem.reset(.native)
    FakeSystem.clock = 1_000
    let (report, _) = run(.native, .paravirtual, limit: .max)
    #expect(report.result == .done)
  }

  @Test(arguments: directions)
  func undoesADrainThatTakesTooLong(_ from: LockSet, _ to: LockSet) {
    FakeSystem.reset(from)
    FakeSystem.looksUntilDrained = .max
    let (report, failure) = run(from, to, limit: 5_000)
    #expect(failure == .notDrained(from.implementation(of: .slowPath)))
    #expect(report.result == .undone)
    #expect(FakeSystem.isIn(from))
    #expect(!FakeSystem.wasUnsound)
  }
}
