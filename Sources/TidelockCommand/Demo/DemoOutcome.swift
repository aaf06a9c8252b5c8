import ArgumentParser
import Foundation
import Runs
import Tidelock

/// What a run of the demo came to.
struct DemoOutcome {
  let plan: DemoPlan
  let counter: WordCounter
  let record: DemoRun.Record
  let samples: [ThroughputPlot.Sample]
  let proof: CountProof
  /// The signal that ended the run early.
  let signal: CInt?

  /// The proof as a sentence, whichever way it went.
  var verdict: String {
    let counted = Quantity.exact(proof.counted)
    return proof.verified
      ? "Verified: the \(counted) words in the shared tables are, word by word, those that a"
        + " single thread counts in the same text."
      : "Not verified: \(Quantity.exact(proof.lostUpdates)) updates were lost or came twice; the"
        + " shared tables hold \(counted) words, and a single thread counts"
        + " \(Quantity.exact(proof.expected))."
  }

  /// Ends the command with the status that belongs to the outcome.
  func exit() throws {
    if let failure = record.failure { throw Failure(description: failure) }
    // The verdict has been printed, as it is for a run that holds.
    if !proof.verified { throw ExitCode.failure }
    if let signal { throw ExitCode(128 + signal) }
  }

  private struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  /// One object with everything but the samples.
  func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(Object(self)), as: UTF8.self)
  }

  private struct Object: Encodable {
    struct Phase: Encodable {
      let name: String
      let set: String
      let threads: Int
      let seconds: Double
      let operationsPerSecond: Double
    }

    struct Source: Encodable {
      let bytes, files, words, differentWords: Int
    }

    let machine = Machine.current
    let text: Source
    let phases: [Phase]
    let switches: [SwitchReport]
    /// Where a policy decides.
    let decisions: [DemoDecision]?
    let notSeen: [String]?
    let operations: Int
    let verified: Bool
    let lostUpdates: Int
    let interrupted: Bool
    let error: String?

    init(_ outcome: DemoOutcome) {
      let counter = outcome.counter
      text = Source(
        bytes: counter.text.bytes.count, files: counter.text.files, words: counter.words,
        differentWords: counter.differentWords)
      phases = outcome.record.phases.map {
        Phase(
          name: $0.name, set: $0.set.description, threads: $0.threads,
          seconds: $0.end - $0.start, operationsPerSecond: $0.operationsPerSecond)
      }
      switches = outcome.record.switches.map(\.report)
      decisions = outcome.plan.followsLoad ? outcome.record.decisions : nil
      notSeen = outcome.plan.followsLoad ? outcome.record.missing : nil
      operations = outcome.proof.counted
      verified = outcome.proof.verified
      lostUpdates = outcome.proof.lostUpdates
      interrupted = outcome.signal != nil
      error = outcome.record.failure
    }
  }
}
