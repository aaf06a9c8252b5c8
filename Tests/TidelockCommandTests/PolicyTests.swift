import CompiledFixtures
import Foundation
import Testing

/// `tidelock policy`, run as a user runs it.
@Suite struct PolicyTests {
  let fixture: CompiledFixture

  init() throws { fixture = try CompiledFixture() }

  /// A guest whose host is busy from the 20th second to the 50th.
  func writeTrace() throws -> String {
    let head =
      #"{"trace":"tidelock-policy","version":1,"kind":"guest","synthetic":true,"comment":"<hog>"}"#
    let samples = (0..<280).map { index in
      let waited = (80..<200).contains(index) ? 500_000 : 0
      return #"{"elapsed_us":250000,"cpus":4,"waited_us":\#(waited),"ran_us":500000}"#
    }
    let text = ([head] + samples).joined(separator: "\n") + "\n"
    return try fixture.write(Array(text.utf8), to: "hog.jsonl")
  }

  struct Report: Decodable {
    struct Trace: Decodable {
      struct Switch: Decodable {
        let seconds: Double
        let from, to, reason: String
      }

      let file: String
      let samples: Int
      let synthetic: Bool
      let lost_seconds, best_possible_seconds, ratio: Double
      let lost_by_staying_seconds: [String: Double]
      let within_three_times_plus_one_switch: Bool
      let switches: [Switch]
    }

    let traces: [Trace]
  }

  @Test func simulatesForMachines() throws {
    let path = try writeTrace()
    let result = try tidelock(["policy", "simulate", path, "--json"])
    #expect(result.status == 0 && result.errors.isEmpty)
    let trace = try #require(
      JSONDecoder().decode(Report.self, from: Data(result.output.utf8)).traces.first)
    #expect(trace.file == path && trace.samples == 280 && trace.synthetic)
    #expect(trace.switches.map(\.to) == ["paravirtual", "native"])
    #expect(trace.switches.allSatisfy { $0.reason == "losing" })
    #expect(trace.switches[0].seconds - 20 <= 1.5 && trace.switches[1].seconds - 50 <= 10)
    #expect(trace.within_three_times_plus_one_switch && trace.ratio <= 1.3)
    #expect(trace.lost_seconds < trace.lost_by_staying_seconds["native"] ?? 0)
    #expect(trace.best_possible_seconds <= trace.lost_seconds)
  }

  @Test func simulatesForPeopleAndOnAPage() throws {
    let page = fixture.path("report.html")
    let result = try tidelock(["policy", "simulate", writeTrace(), "--report", page])
    #expect(result.status == 0)
    let text = result.output
    for words in ["native to paravirtual", "paravirtual to native", "a synthetic trace", page] {
      #expect(text.contains(words))
    }
    let html = try String(contentsOfFile: page, encoding: .utf8)
    #expect(html.contains("the sets of the policy") && html.contains("the sets of the best"))
    #expect(html.contains("class=\"band paravirtual\"") && html.contains("&lt;hog&gt;"))
    #expect(!html.contains("<script") && !html.contains("<hog>"))
  }

  @Test func refusesWithOneSentenceAndStatusOne() throws {
    let nothing = try fixture.write([], to: "empty.jsonl")
    for (arguments, words) in [
      (["simulate", nothing], "does not begin with the head of a trace"),
      (["simulate", "/none"], "cannot be read"),
      (["simulate", try writeTrace(), "--report", "/none/x.html"], "cannot be written"),
      (["record", "--pid", "2147483647"], "No program has the number"),
      (["record", "--pid", "1", "--seconds", "0.1", "--output", "/none/x"], "cannot be written"),
    ] {
      let result = try tidelock(["policy"] + arguments)
      #expect(result.status == 1 && result.output.isEmpty)
      #expect(result.errors.contains(words))
    }
  }

  /// What is recorded of a program, which is this one, can be simulated; what is missing is named.
  @Test func recordsWhatCanBeSimulated() throws {
    let path = fixture.path("self.jsonl")
    let pid = String(ProcessInfo.processInfo.processIdentifier)
    let recorded = try tidelock([
      "policy", "record", "--pid", pid, "--seconds", "0.3", "--output", path,
    ])
    #expect(recorded.status == 0 && recorded.output.isEmpty)
    #expect(recorded.errors.contains("Not recorded: hint"))
    let result = try tidelock(["policy", "simulate", path, "--json"])
    #expect(result.status == 0)
    let text = result.output
    #expect(text.contains(#""kind" : "program""#) && text.contains(#""synthetic" : false"#))
  }

  /// Of the machine, as a guest's kernel counts it.
  @Test func recordsAGuest() throws {
    let path = fixture.path("guest.jsonl")
    let recorded = try tidelock([
      "policy", "record", "--guest", "--seconds", "0.5", "--interval", "50", "--output", path,
    ])
    #expect(recorded.status == 0 && recorded.errors.contains("Not recorded: hint"))
    let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
    #expect(lines.first?.contains("\"kind\":\"guest\"") == true)
    #expect(lines.count > 1 && lines.dropFirst().allSatisfy { $0.contains("\"waited_us\":") })
    #expect(try tidelock(["policy", "simulate", path]).status == 0)
  }

  /// An interrupt ends a recording in order: whole lines, and status 0.
  @Test func anInterruptEndsARecordingInOrder() throws {
    let pid = String(ProcessInfo.processInfo.processIdentifier)
    let finished = try tidelock("policy", "record", "--pid", pid) { process, text in
      if text.contains("elapsed_us") { process.interrupt() }
    }
    #expect(finished.status == 0 && finished.output.hasSuffix("}\n"))
  }
}
