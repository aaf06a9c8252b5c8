import Foundation
import Testing

/// `tidelock verify` and `tidelock replay`, run as a user runs them.
@Suite struct VerifyTests {
  private struct Listed: Decodable {
    let name, group, bounds, expected, memory_model: String
    let cpus: Int
  }

  private func list(_ arguments: String...) throws -> [Listed] {
    let run = try tidelock(["verify", "--list", "--json"] + arguments)
    #expect(run.status == 0)
    return try JSONDecoder().decode([Listed].self, from: Data(run.output.utf8))
  }

  @Test func listSaysWhatIsChecked() throws {
    let all = try list()
    #expect(Set(all.map(\.group)).isSuperset(of: ["locks", "compatibility", "staged", "mutants"]))
    #expect(all.filter { $0.group == "mutants" && $0.expected == "fails" }.count >= 30)
    #expect(all.allSatisfy { !$0.bounds.isEmpty && ["SC", "TSO"].contains($0.memory_model) })
    let plain = try tidelock("verify", "--list")
    #expect(plain.status == 0)
    #expect(all.allSatisfy { plain.output.contains($0.name) && plain.output.contains($0.bounds) })
  }

  @Test func namesAndCPUsSelect() throws {
    let staged = try list("staged")
    #expect(staged.allSatisfy { $0.group == "staged" })
    // The switching one does not count.
    #expect(Set(staged.map(\.cpus)) == [2, 3])
    #expect(try list("staged", "--cpus", "3").allSatisfy { $0.cpus == 3 })
    #expect(try list("up-no-drain").map(\.name) == ["mutants/up-no-drain"])
    #expect(try list("mutants/up-no-drain").map(\.name) == ["mutants/up-no-drain"])
    #expect(try list("up-", "locks").contains { $0.name == "mutants/up-drain-first" })
    #expect(try list("locks", "--quick").count < list("locks").count)
  }

  @Test(arguments: [
    ("no JSON", "it is not JSON"),
    ("[]", "wrong kind"),
    ("{}", "no 'format'"),
    (#"{"format": 1}"#, "no 'check'"),
    (#"{"format": 7, "check": 3}"#, "format 7"),
    (good(actions: #"["0", "x"]"#), "'actions 2' is wrong"),
    (good(actions: #"["0", "0=9"]"#), "Action 2 of the schedule, '0=9', is not possible"),
    (good(actions: #"["15"]"#), "Action 1"),
    (good(check: "mutants/none-such"), "'mutants/none-such'"),
    (good(memory: "TSO"), "under SC now"),
    // It ends in the middle: that is nothing bad.
    (good(actions: #"["0"]"#), "nothing bad"),
  ])
  func wrongSchedulesAreRefused(contents: String, names: String) throws {
    let folder = try TemporaryFolder()
    let file = folder.path + "/schedule.json"
    try contents.write(toFile: file, atomically: true, encoding: .utf8)
    let run = try tidelock("replay", file)
    #expect(run.status == 1)
    #expect(run.errors.contains(names))
    #expect(run.errors.split(separator: "\n").count == 1)
  }

  private static func good(
    actions: String = "[]", check: String = "mutants/no-kick", memory: String = "SC"
  ) -> String {
    """
    {"format": 1, "check": "\(check)", "bounds": "", "memory_model": "\(memory)",
     "verdict": "deadlock", "actions": \(actions)}
    """
  }
}

/// A folder of its own, removed at the end.
private final class TemporaryFolder {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "verify-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}

#if DEBUG
  @Suite struct UnoptimizedTests {
    @Test func unoptimizedBuildsRefuseToVerify() throws {
      let run = try tidelock("verify", "compatibility")
      #expect(run.status == 1)
      #expect(run.errors.contains("-c release"))
    }
  }
#else
  /// Runs that explore.
  @Suite struct VerifyRunTests {
    /// What `--json` promises.
    private struct Outcome: Decodable {
      struct Check: Decodable {
        let name, verdict, expected, memory_model: String
        let flaw, schedule: String?
        let is_complete, is_as_expected: Bool
        let states, steps, cpus: Int
      }

      let checks: [Check]
      let states, steps, unexpected, not_checked: Int
      let verified: Bool
      let steps_per_second_and_core: Double
    }

    private struct Replayed: Decodable {
      struct Step: Decodable {
        let action, cpu: Int
        let context, does: String
        let word, function: String?
        let before, after: UInt64?
      }

      let check, verdict, recorded_verdict: String
      let is_as_recorded: Bool
      let steps: [Step]
    }

    @Test func tableIsRediscoveredAndItsCounterexamplesReplay() throws {
      let folder = try TemporaryFolder()
      let page = folder.path + "/page.html"
      let run = try tidelock(
        "verify", "compatibility", "--json", "--report", page, "--all-schedules", "--output",
        folder.path + "/schedules")
      #expect(run.status == 0)
      let outcome = try JSONDecoder().decode(Outcome.self, from: Data(run.output.utf8))
      #expect(outcome.verified && outcome.unexpected == 0 && outcome.not_checked == 0)
      #expect(outcome.steps > outcome.states && outcome.steps_per_second_and_core > 0)
      let wrong = outcome.checks.filter { $0.verdict == "fails" }
      #expect(wrong.count == 6)
      #expect(outcome.checks.allSatisfy { $0.is_complete == ($0.verdict == "holds") })
      let html = try String(contentsOfFile: page, encoding: .utf8)
      #expect(html.contains("both queues, native unlock") && html.contains("Verified: "))

      for check in wrong {
        let file = try #require(check.schedule)
        let replay = try tidelock("replay", "--json", file)
        #expect(replay.status == 0)
        let replayed = try JSONDecoder().decode(Replayed.self, from: Data(replay.output.utf8))
        #expect(replayed.check == check.name && replayed.verdict == check.flaw)
        #expect(replayed.is_as_recorded)
        let taken = replayed.steps.first { $0.does == "compare-exchanges" }
        #expect(taken?.word == "lockA" && taken?.before == 0 && taken?.after == 1)
        // A program's fast path looks before it takes; a kernel's does not.
        #expect(taken?.context == "task" && (1...3).contains(taken?.action ?? 0))
        #expect(taken?.function?.contains("tryLock") == true)
        #expect(try tidelock("replay", file).output.contains("as recorded"))
      }
    }

    /// A verdict that is no longer what the file says is a failure.
    @Test func anotherVerdictIsSaid() throws {
      let folder = try TemporaryFolder()
      let run = try tidelock(
        "verify", "no-kick", "--all-schedules", "--output", folder.path)
      #expect(run.status == 0)
      let file = folder.path + "/mutants-no-kick.json"
      let text = try String(contentsOfFile: file, encoding: .utf8)
      try text.replacing("deadlock", with: "assertion: two owners").write(
        toFile: file, atomically: true, encoding: .utf8)
      let replay = try tidelock("replay", file)
      #expect(replay.status == 1)
      #expect(replay.errors.contains("ends in deadlock, and not, as recorded, in assertion"))
    }

    @Test func pipeGetsPlainLinesAndATable() throws {
      let run = try tidelock("verify", "fairness", "native 2+2 TSO")
      #expect(run.status == 0)
      #expect(!run.output.contains("\u{1B}"))
      #expect(run.output.contains("[1/6] "))
      #expect(run.output.contains("steps per second and core."))
      #expect(run.output.contains("Verified: all 6 checks"))
    }

    /// A part of the schedules proves nothing, and may find something.
    @Test(arguments: [["--preemptions", "1"], ["--random", "500", "--seed", "7"]])
    func partsOfTheSchedules(search: [String]) throws {
      let run = try tidelock(["verify", "compatibility", "--json"] + search)
      let outcome = try JSONDecoder().decode(Outcome.self, from: Data(run.output.utf8))
      #expect(!outcome.verified)
      #expect(outcome.checks.contains { $0.verdict == "fails" && $0.expected == "fails" })
      #expect(outcome.checks.allSatisfy { $0.verdict != "holds" })
      #expect(
        outcome.checks.allSatisfy {
          $0.is_as_expected == ($0.expected == "holds") || $0.flaw != nil
        })
      #expect(run.status == (outcome.unexpected == 0 ? 0 : 1))
    }

    /// What was cut is not verified.
    @Test func cutIsNotVerified() throws {
      let run = try tidelock("verify", "locks/paravirtual 2+2+1 SC", "--seconds", "0.001")
      #expect(run.status == 1)
      #expect(run.output.contains("cut: time"))
      #expect(run.output.contains("Not verified: 1 check of 1"))
    }

    /// Ctrl-C: what was checked is printed, and the shell sees the signal.
    @Test func interruptionEndsTheRunInOrder() throws {
      let run = try tidelock(
        "verify", "native 2+2 TSO", "staged/paravirtual", "--jobs", "1"
      ) { process, line in
        if line.contains("[1/") { process.interrupt() }
      }
      #expect(run.status == 130)
      #expect(run.output.contains("Interrupted"))
      #expect(run.output.contains("Not all verified"))
    }

    @Test(arguments: [
      (
        ["verify", "no-kick", "--report", "/no/such/folder/page.html"], "/no/such/folder/page.html"
      ),
      (["verify", "no-kick", "--all-schedules", "--output", "/dev/null/x"], "'/dev/null/x'"),
    ])
    func placesThatCannotBeWrittenAreNamed(arguments: [String], names: String) throws {
      let run = try tidelock(arguments)
      #expect(run.status == 1)
      #expect(run.output.isEmpty)
      #expect(run.errors.contains(names))
      #expect(run.errors.split(separator: "\n").count == 1)
    }
  }
#endif
