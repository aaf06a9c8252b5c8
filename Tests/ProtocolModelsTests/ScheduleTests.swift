import Foundation
import ModelChecker
import ProtocolModels
import Testing

/// Every saved schedule, carried out again: each is one way in which something went wrong.
///
/// A change of the shipped code may make them impossible. They are written anew with
/// `swift run -c release tidelock verify --all-schedules --output Tests/ProtocolModelsTests/Schedules`.
@Suite struct ScheduleTests {
  private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("Schedules")

  static let files: [String] =
    (try? FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()) ?? []

  private static func read(_ file: String) throws -> SavedSchedule {
    try SavedSchedule(Data(contentsOf: folder.appendingPathComponent(file)))
  }

  @Test(arguments: files) func endsAsRecorded(file: String) throws {
    let schedule = try Self.read(file)
    let check = try schedule.findCheck()
    #expect(check.expectation == .fails)
    #if DEBUG
      // Without optimization, equal states look different, and no cycle leads back.
      if schedule.cycle != nil { return }
    #endif
    #expect(try schedule.replay(on: check.model) == schedule.verdict)
    #expect(schedule.fileName == file)
  }

  /// Of every kind of breakage at least one.
  @Test func breakagesOfNoteAreThere() throws {
    let checks = try Set(Self.files.map { try Self.read($0).check })
    for mutant in [
      "up-no-drain", "down-no-drain", "up-drain-last", "down-unlock-first", "counts-after-reading",
      "no-barrier", "gate-keeps-waiters", "gate-does-not-try", "no-kick", "two-instructions",
      "tail-first", "store-not-serialized", "breakpoint-not-serialized", "tail-not-serialized",
      "unlock-torn", "follower-not-serialized", "handler-does-not-join", "leader-does-not-finish",
      "lock-step-tail-first", "barrier-not-awaited", "barrier-in-two-steps",
      "barrier-counts-after-reading", "barrier-drops-last", "kernel-up-no-drain",
      "kernel-up-published-before-verified", "kernel-undo-up-no-drain", "stuck-forgotten",
      "up-gate-leads-on-uncounted", "up-marks-do-not-nest", "handler-finishes-at-once",
      "unlock-looks-again", "slow-unlock-twice", "entry-removed-late", "node-given-back-early",
      "woken-is-head", "two-of-one-number", "hash-does-not-wrap", "hash-search-ends-at-gap",
      "fifth-context-shares-node", "interrupted-hand-over",
    ] {
      #expect(checks.contains("mutants/\(mutant)"))
    }
  }

  @Test func whatIsWrittenIsReadAgain() throws {
    let schedule = try Self.read("mutants-gate-keeps-waiters.json")
    #expect(schedule.verdict == .livelock)
    #expect(schedule.cycle?.isEmpty == false)
    #expect(try SavedSchedule(schedule.json()) == schedule)
  }

  /// A livelock is one only if its cycle is a cycle, and nobody is left out of it.
  @Test func halfACycleIsNone() throws {
    var schedule = try Self.read("mutants-gate-keeps-waiters.json")
    let model = try schedule.findCheck().model
    schedule.cycle?.removeLast()
    // It leads nowhere, or cannot be gone twice.
    #expect((try? schedule.replay(on: model)) != .livelock)
  }

  @Test func wrongSchedulesAreRefused() throws {
    let schedule = try Self.read("mutants-no-kick.json")
    var other = schedule
    other.check = "mutants/none-such"
    #expect(throws: ScheduleError.unknownCheck("mutants/none-such")) { try other.findCheck() }
    other = schedule
    other.memoryModel = .totalStoreOrder
    #expect(
      throws: ScheduleError.otherMemoryModel(
        "mutants/no-kick", recorded: .totalStoreOrder, now: .sequentialConsistency)
    ) { try other.findCheck() }
    other = schedule
    let action = try #require(Action("0=3"))
    other.actions.insert(action, at: 1)
    let model = try schedule.findCheck().model
    #expect(throws: ScheduleError.impossible(action, index: 1, "mutants/no-kick")) {
      try other.replay(on: model)
    }
  }
}

#if !DEBUG
  /// What was broken in a saved schedule is right in the code that ships.
  @Suite struct ShippedTests {
    /// As far as so many states go; `TIDELOCK_STRESS=full` explores them all.
    static let states =
      ProcessInfo.processInfo.environment["TIDELOCK_STRESS"] == "full" ? 400_000_000 : 150_000

    @Test func shippedCodeHoldsWhereMutantsFail() throws {
      var explored = Set<String>()
      for check in Check.all where check.group == .mutants {
        let shipped = check.model.shipped
        // Many mutants break the same model: its description says all that it is.
        guard explored.insert("\(shipped)").inserted else { continue }
        switch shipped.explore(Limits(states: Self.states)).verdict {
        case .holds, .cut: break
        case .fails(let failure): Issue.record("\(check.id), unbroken: \(failure.flaw)")
        }
      }
    }
  }
#endif
