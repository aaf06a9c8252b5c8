import Runs
import SwitchPolicy
import Tidelock

/// A decision of the policy, as the demo shows it: the last of a run of equal ones.
struct DemoDecision: Encodable, Sendable {
  /// When, after the run began.
  let seconds: Double
  let set: String
  /// The set to switch to, if that is what was decided.
  let change: String?
  /// One word, and a sentence for people.
  let reason, sentence: String
  /// What was seen, and what each set would have lost of the work: shares.
  let steal, nativeLoses, paravirtualLoses: Double?
  /// How many equal decisions it stands for.
  let count: Int

  var isChange: Bool { change != nil }

  init(_ entry: PolicyDecision, since begin: UInt64) {
    let decision = entry.decision
    func share(_ parts: UInt32?) -> Double? { parts.map { Double($0) / 1_000_000 } }
    seconds = Double(Int64(bitPattern: decision.time &- begin)) / 1e9
    set = decision.inForce.description
    change = decision.change?.description
    reason = decision.reason.name.description
    sentence = decision.reason.sentence.description
    steal = share(decision.steal)
    nativeLoses = share(decision.losses?.native)
    paravirtualLoses = share(decision.losses?.paravirtual)
    count = Int(entry.count)
  }

  /// For a terminal.
  var line: String {
    var text = change.map { "\(set) to \($0)" } ?? set
    text += ", \(reason)"
    let shares = [
      ("steal", steal), ("native loses", nativeLoses), ("paravirtual loses", paravirtualLoses),
    ].compactMap { name, share in share.map { "\(name) \(Quantity.percent($0))" } }
    if !shares.isEmpty { text += ": " + shares.joined(separator: ", ") }
    return text
  }
}

extension DemoOutcome {
  /// The decisions of the policy that changed something or held back a change.
  var decisionTable: RunTable {
    RunTable(
      "What the policy decided",
      columns: [
        .numbers("s"), .words("lock set"), .words("switch to"), .words("why"), .numbers("steal"),
        .numbers("native loses"), .numbers("paravirtual loses"), .numbers("times"),
      ],
      rows: record.decisions.map { decision in
        [
          Quantity.count(decision.seconds), decision.set, decision.change ?? "", decision.reason,
        ]
          + [decision.steal, decision.nativeLoses, decision.paravirtualLoses].map {
            $0.map { Quantity.percent($0) } ?? ""
          } + [String(decision.count)]
      })
  }

  /// How soon the policy followed the load, if it did.
  var following: String? {
    guard plan.followsLoad else { return nil }
    func delay(_ set: LockSet, after phase: DemoRun.Phase?) -> String {
      guard let phase else { return "not measured" }
      let change = record.switches.first {
        $0.at >= phase.start && $0.report.to == set && $0.report.result == .done
      }
      return change.map { Quantity.duration(microseconds: ($0.at - phase.start) * 1e6) } ?? "not"
    }
    let many = record.phases.first { $0.threads > plan.cpus }
    let start = many?.start ?? .infinity
    let few = record.phases.last { $0.threads == plan.cpus && $0.start > start }
    return "Nobody told the program to switch. From the arrival of the threads to paravirtual:"
      + " \(delay(.paravirtual, after: many)); from their departure to native:"
      + " \(delay(.native, after: few))."
  }
}
