import Runs
import Tidelock

/// The outcome of the demo.
struct DemoOutcome: RunOutcome {
  let plan: DemoPlan
  let counter: WordCounter
  let record: DemoRun.Record
  let samples: [ThroughputPlot.Sample]
  let proof: CountProof
  /// The signal that ended the run early.
  let signal: CInt?

  /// The proof as a sentence, whatever its result.
  var verdict: String {
    let counted = Quantity.exact(proof.counted)
    return proof.verified
      ? "Verified: the \(counted) words in the shared tables are, word by word, those that a"
        + " single thread counts in the same text."
      : "Not verified: \(Quantity.exact(proof.lostUpdates)) updates were lost or came twice; the"
        + " shared tables hold \(counted) words, and a single thread counts"
        + " \(Quantity.exact(proof.expected))."
  }

  var failure: String? { record.failure }
  var holds: Bool { proof.verified }
  var sentences: [String] { [finding, following, verdict].compactMap { $0 } }

  /// Everything but the samples.
  var json: JSONObject {
    [
      "machine": Machine.current,
      "text": [
        "bytes": counter.text.bytes.count, "files": counter.text.files, "words": counter.words,
        "different_words": counter.differentWords,
      ] as JSONObject,
      "phases": record.phases.map { phase -> JSONObject in
        [
          "name": phase.name, "set": phase.set.description, "threads": phase.threads,
          "seconds": phase.end - phase.start,
          "operations_per_second": phase.operationsPerSecond,
        ]
      },
      "switches": record.switches.map(\.report),
      // Where a policy decides.
      "decisions": plan.followsLoad ? record.decisions : nil,
      "not_seen": plan.followsLoad ? record.missing : nil,
      "operations": proof.counted, "verified": proof.verified, "lost_updates": proof.lostUpdates,
      "interrupted": signal != nil, "error": failure,
    ]
  }
}
