import Foundation
import Testing

/// The program as a user runs it: what it prints, what it writes, how it exits.
@Suite(.serialized) struct DemoTests {
  /// What `--json` promises.
  private struct Outcome: Decodable {
    struct Phase: Decodable {
      let name: String
      let set: String
      let threads: Int
      let operations_per_second: Double
    }

    struct Switch: Decodable {
      let from: String
      let to: String
      let `protocol`: String
      let result: String
      let microseconds: Double
      let sites: Int
      let breakpoints: Int
      let longest_stall_microseconds: Double
    }

    struct Machine: Decodable {
      let cpus: Int
      let kernel: String
      let cpu_model: String
    }

    let phases: [Phase]
    let switches: [Switch]
    let verified: Bool
    let lost_updates: Int
    let machine: Machine
  }

  private let text = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path

  /// A default that cannot be typed helps nobody: help showed the raw value, 0.
  @Test(arguments: [["demo"], ["guest", "demo"]])
  func helpNamesProtocolsAsTheyAreTyped(_ command: [String]) throws {
    let help = try tidelock(command + ["--help"]).output
    let words = help.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    #expect(words.contains("staged unless given. (values: staged, stop-machine, barrier)"))
  }

  @Test func demoSwitchesThereAndBackAndProvesItsCounts() throws {
    let page = NSTemporaryDirectory() + "demo-\(UUID().uuidString).html"
    defer { try? FileManager.default.removeItem(atPath: page) }
    let run = try tidelock("demo", "--seconds", "1", "--json", "--report", page, text)
    #expect(run.status == 0)
    #expect(run.errors.isEmpty)
    let outcome = try JSONDecoder().decode(Outcome.self, from: Data(run.output.utf8))
    let cpus = outcome.machine.cpus
    #expect(
      outcome.phases.map(\.set)
        == ["native", "native", "paravirtual", "paravirtual", "native"])
    #expect(outcome.phases.map(\.threads) == [cpus, 8 * cpus, 8 * cpus, cpus, cpus])
    #expect(outcome.phases.allSatisfy { $0.operations_per_second > 0 })
    #expect(outcome.switches.map(\.from) == ["native", "paravirtual"])
    #expect(outcome.switches.map(\.to) == ["paravirtual", "native"])
    #expect(outcome.switches.allSatisfy { $0.sites > 0 && $0.microseconds > 0 })
    #expect(outcome.verified)
    #expect(outcome.lost_updates == 0)
    let html = try String(contentsOfFile: page, encoding: .utf8)
    #expect(html.contains("switch to paravirtual"))
    #expect(html.contains("Verified: "))
  }

  @Test(arguments: ["stop-machine", "barrier"])
  func demoSwitchesByThePublishedProtocols(name: String) throws {
    let run = try tidelock("demo", "--seconds", "1", "--json", "--protocol", name, text)
    #expect(run.status == 0)
    let outcome = try JSONDecoder().decode(Outcome.self, from: Data(run.output.utf8))
    #expect(outcome.switches.map(\.protocol) == [name, name])
    #expect(outcome.switches.map(\.result) == ["done", "done"])
    #expect(outcome.verified)
  }

  /// Nobody tells the program to switch; what the policy saw and did is in the object and on the page.
  @Test func demoFollowsTheLoad() throws {
    struct Followed: Decodable {
      struct Switch: Decodable {
        let to, reason, result: String
      }
      struct Decision: Decodable {
        let seconds: Double
        let change: String?
        let reason, sentence: String
        let steal, native_loses: Double?
      }
      let phases: [Outcome.Phase]
      let switches: [Switch]
      let decisions: [Decision]
      let not_seen: [String]
      let verified: Bool
    }
    let page = NSTemporaryDirectory() + "demo-\(UUID().uuidString).html"
    defer { try? FileManager.default.removeItem(atPath: page) }
    let run = try tidelock(
      "demo", "--policy", "auto", "--seconds", "3", "--json", "--report", page, text)
    #expect(run.status == 0)
    let outcome = try JSONDecoder().decode(Followed.self, from: Data(run.output.utf8))
    #expect(outcome.phases.map(\.name) == ["dedicated", "oversubscribed", "dedicated again"])
    #expect(outcome.verified && !outcome.decisions.isEmpty)
    #expect(outcome.decisions.contains { $0.steal != nil && $0.native_loses != nil })
    #expect(outcome.decisions.allSatisfy { !$0.sentence.isEmpty && 0...3600 ~= $0.seconds })
    // What was switched was decided, but for the way home.
    let policy = outcome.switches.filter { $0.reason == "policy" }.map(\.to)
    #expect(Array(outcome.decisions.compactMap(\.change).prefix(policy.count)) == policy)
    #expect(outcome.switches.count <= policy.count + 1)
    let html = try String(contentsOfFile: page, encoding: .utf8)
    #expect(html.contains("What the policy decided"))
    #expect(html.contains("Nobody told the program to switch."))
  }

  @Test func pipeGetsPlainLines() throws {
    let run = try tidelock("demo", "--seconds", "0.5", text)
    #expect(run.status == 0)
    #expect(!run.output.contains("\u{1B}"))
    #expect(run.output.contains("switched from native to paravirtual"))
  }

  /// Ctrl-C: what was measured is printed, and the shell sees the signal.
  @Test func interruptionEndsTheRunInOrder() throws {
    let run = try tidelock("demo", "--seconds", "600", text) { process, line in
      // The first line only: the signal is an ordinary one again when the results come.
      if line.contains("different") { process.interrupt() }
    }
    #expect(run.status == 130)
    #expect(run.output.contains("Interrupted"))
    #expect(run.output.contains("Verified: "))
  }
}
