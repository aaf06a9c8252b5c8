import Foundation
import Testing
import TidelockCommand

/// `tidelock compare` as a user runs it.
@Suite(.serialized) struct CompareTests {
  /// What `--json` promises.
  private struct Outcome: Decodable {
    struct Spread: Decodable {
      let median, p99, longest: Double
    }

    struct Row: Decodable {
      let `protocol`: String
      let option: String?
      let switches, undone: Int
      let microseconds, gap_microseconds, quiet_gap_microseconds: Spread
      let switching_per_second, quiet_per_second, lost, breakpoints_per_switch: Double
      let added_p99_gap_microseconds: Double
      let breakpoints: Int
    }

    struct Load: Decodable {
      let name: String
      let runners, cpus: Int
      let rows: [Row]
    }

    let loads: [Load]
    let verified, interrupted: Bool
  }

  @Test func eachProtocolSwitchesUnderBothLoads() throws {
    let page = NSTemporaryDirectory() + "compare-\(UUID().uuidString).html"
    defer { try? FileManager.default.removeItem(atPath: page) }
    let run = try tidelock(
      "compare", "--switches", "4", "--threads", "5", "--json", "--report", page)
    #expect(run.status == 0)
    #expect(run.errors.isEmpty)
    let outcome = try JSONDecoder().decode(Outcome.self, from: Data(run.output.utf8))
    #expect(outcome.verified && !outcome.interrupted)
    #expect(outcome.loads.map(\.name) == ["CPUs to spare", "oversubscribed"])
    #expect(outcome.loads.last?.runners == 5)
    for load in outcome.loads {
      #expect(
        load.rows.map(\.protocol) == ["staged", "stop-machine", "barrier", "barrier"])
      #expect(load.rows.map(\.option) == [nil, nil, "until unlock", "slow path only"])
      for row in load.rows {
        #expect(row.switches == 4 && row.undone == 0)
        // A thread that never stood still for a moment would be none.
        #expect(row.gap_microseconds.longest > 0 && row.quiet_gap_microseconds.longest > 0)
        for spread in [row.microseconds, row.gap_microseconds, row.quiet_gap_microseconds] {
          #expect(spread.median <= spread.p99 && spread.p99 <= spread.longest)
        }
      }
      // In each: native locks may stand still for as long as a switch takes.
      #expect(load.rows.contains { $0.quiet_per_second > 0 })
    }
    let html = try String(contentsOfFile: page, encoding: .utf8)
    #expect(html.contains("barrier, until unlock"))
    #expect(html.contains("Verified: "))
  }

  /// A switch that cannot finish in its time is undone and counted, and the run goes on.
  @Test func undoneSwitchesAreCounted() throws {
    let run = try tidelock(
      "compare", "--switches", "8", "--threads", "16", "--protocol", "stop-machine",
      "--time-limit", "0.001", "--json")
    #expect(run.status == 0)
    let outcome = try JSONDecoder().decode(Outcome.self, from: Data(run.output.utf8))
    #expect(outcome.verified)
    let row = try #require(outcome.loads.last?.rows.first)
    #expect(row.switches == 8)
    #expect(row.undone > 0)
  }

  @Test func pipeGetsPlainLines() throws {
    let run = try tidelock(
      "compare", "--switches", "2", "--threads", "4", "--protocol", "staged", "--protocol",
      "barrier", "--accounting", "slow-path-only")
    #expect(run.status == 0)
    #expect(!run.output.contains("\u{1B}"))
    #expect(run.output.contains("comparing staged; barrier, slow path only\n"))
    #expect(run.output.contains("oversubscribed: 4 threads"))
    #expect(run.output.contains("throughput lost"))
    #expect(!run.output.contains("stop-machine"))
  }

  /// Ctrl-C: what was measured is printed, and the shell sees the signal.
  @Test func interruptionEndsTheRunInOrder() throws {
    let run = try tidelock("compare", "--seconds", "600") { process, line in
      // Once there has been a switch.
      if line.contains("%: ") { process.interrupt() }
    }
    #expect(run.status == 130)
    #expect(run.output.contains("Interrupted"))
    #expect(run.output.contains("Verified: "))
  }
}

@Suite struct CompareMeasuringTests {
  /// The proof rests on it: steps at one stroke lead where single steps lead.
  @Test(arguments: [0, 1, 2, 3, 8, 1000, 12_345])
  func jumpsLeadWhereStepsLead(steps: Int) {
    var walked = Generator(seed: 42)
    walked.advance(steps)
    #expect(Generator(seed: 42).jumped(UInt64(steps)) == walked)
  }

  @Test func lostUpdatesAreFound() {
    let load = ProbedLoad()
    var findings = ProbedLoad.Findings(
      sections: Array(repeating: 0, count: ProbedLoad.locks), gaps: Gaps())
    #expect(load.isComplete([findings]))
    // A section that a thread counted and the lock's generator did not see.
    findings.sections[3] = 1
    #expect(!load.isComplete([findings]))
  }

  /// A gap belongs to every window that it overlaps, from the window's beginning on, and to no other.
  @Test func gapsBelongToTheWindowsTheyOverlap() throws {
    let windows = GapWindows()
    var probe = GapProbe(windows)
    let (_, before) = windows.measure {}
    probe.step()
    let (_, during) = windows.measure { probe.step() }
    let start = GapProbe.now
    // Long enough to tell from what the machine does of itself; only the lower bound is looked at.
    while GapProbe.now < start + 2_000_000 {}
    let (_, after) = windows.measure {}
    probe.step()
    #expect(try #require(probe.gaps.longest(in: before)) < GapProbe.now - before.began)
    #expect(try #require(probe.gaps.longest(in: during)) >= 2_000_000)
    // What went before a window is not counted.
    #expect(
      try #require(probe.gaps.longest(in: after)) <= GapProbe.now - after.began)
    let (_, open) = windows.measure {}
    #expect(probe.gaps.longest(in: open) == nil)
  }
}
