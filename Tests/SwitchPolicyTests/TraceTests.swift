import Foundation
import LockPlatform
import PolicySimulation
import SwitchPolicy
import Testing

@Suite struct TraceTests {
  static func trace(_ name: String) throws -> Trace {
    let file = Bundle.module.url(forResource: name, withExtension: "jsonl", subdirectory: "Traces")
    return try Trace(path: #require(file).path)
  }

  // MARK: The traces that are kept

  @Test func theHogIsFollowed() throws {
    let trace = try Self.trace("synthetic-hog")
    #expect(trace.isSynthetic && trace.kind == .guest)
    let run = Simulation(trace.samples, startingIn: .native, trace.settings)
    #expect(run.changes.map { $0.decision.change } == [.paravirtual, .native, .paravirtual])
    #expect(run.changes.allSatisfy { $0.decision.reason == .losing })
    #expect(try #require(run.ratio) <= 1.3)
    #expect(run.lost < run.lostByStaying.native)
    #expect(run.keepsPromise == true)
  }

  @Test func theMigrationIsFollowedByItsHint() throws {
    let trace = try Self.trace("synthetic-migration")
    let run = Simulation(trace.samples, startingIn: .native, trace.settings)
    #expect(run.changes.map { $0.decision.change } == [.paravirtual, .native])
    #expect(run.changes.allSatisfy { $0.decision.reason == .hint })
    #expect(run.impossible == 3 && run.keepsPromise == nil)
  }

  @Test func theBlindHostIsFollowedByItsHint() throws {
    let trace = try Self.trace("synthetic-blind")
    let run = Simulation(trace.samples, startingIn: .native, trace.settings)
    #expect(run.blind == trace.samples.count && run.changes.count == 2)
  }

  /// A real program that becomes oversubscribed on a busy machine.
  @Test func theRecordedProgramGoesToParavirtualAtOnce() throws {
    let trace = try Self.trace("recorded-demo")
    #expect(!trace.isSynthetic && trace.kind == .program)
    let run = Simulation(trace.samples, startingIn: .native, trace.settings)
    #expect(run.impossible == 0 && run.blind == 0)
    #expect(run.changes.map { $0.decision.change } == [.paravirtual])
    #expect(try #require(run.changes.first).seconds <= 0.3)
  }

  // MARK: Files

  @Test func aTraceReadsAsItWasWritten() throws {
    var host = FakeHost()
    host.hint = .dedicated
    var samples = host.samples(3, steal: 1000) + host.samples(2, steal: nil)
    samples[1].stalled = 7000
    samples[2].waited = -5000
    samples[3].hint = .unknown
    // Times count from the start of the trace.
    for index in samples.indices { samples[index].time = UInt64(index + 1) * host.interval }
    let trace = Trace(
      .program, isSynthetic: true, comment: "a \"test\"", missing: ["hint: none"], samples: samples)
    #expect(try Trace(text: trace.text(), name: "x") == trace)
  }

  @Test func whatIsNoTraceIsRefusedInOneSentence() throws {
    let head = #"{"trace":"tidelock-policy","version":1,"kind":"guest","synthetic":true}"#
    let sample = #"{"elapsed_us":1000,"cpus":1}"#
    for (text, words) in [
      ("", "does not begin with the head"), ("{}\n", "does not begin with the head"),
      (sample, "does not begin with the head"), (head, "has no samples"),
      (head.replacing("1,", with: "2,"), "has version 2"),
      ("\(head)\n\(sample)\nnonsense", "has a line 3 that is no sample"),
      ("\(head)\n{\"cpus\":1}", "has a line 2"),
      ("\(head)\n{\"cpus\":-1,\"elapsed_us\":1}", "has a line 2"),
      ("\(head)\n{\"cpus\":1,\"elapsed_us\":-1}", "has a line 2"),
      ("\(head)\n{\"cpus\":1,\"elapsed_us\":9223372036854775807}", "has a line 2"),
      ("\(head)\n{\"cpus\":1,\"elapsed_us\":1,\"hint\":\"maybe\"}", "has a line 2"),
    ] {
      let error = #expect(throws: TraceError.self) { try Trace(text: text, name: "x.jsonl") }
      let sentence = error?.description ?? ""
      #expect(sentence.contains(words) && sentence.contains("'x.jsonl'") && sentence.hasSuffix("."))
    }
    #expect(throws: TraceError.self) { try Trace(path: "/nonexistent/trace.jsonl") }
  }

  /// However odd the numbers of a trace are, a simulation ends and says how many it ignored.
  @Test func oddNumbersAreIgnoredAndCounted() throws {
    let head = #"{"trace":"tidelock-policy","version":1,"kind":"guest","synthetic":true}"#
    let odd = [
      #"{"elapsed_us":1000,"cpus":4294967295,"waited_us":9223372036854775}"#,
      #"{"elapsed_us":9000000000000000,"cpus":1}"#, #"{"elapsed_us":0,"cpus":1}"#,
      #"{"elapsed_us":250000,"cpus":1,"waited_us":-9223372036854775}"#,
    ]
    let trace = try Trace(text: ([head] + odd).joined(separator: "\n"), name: "x")
    let run = Simulation(trace.samples, startingIn: .native, trace.settings)
    #expect(run.impossible == 4 && run.lost == 0 && run.changes.isEmpty)
  }
}
