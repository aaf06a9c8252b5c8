import Foundation
import LockPlatform
import LockSwitching
import PolicySimulation
import Runs
import SwitchPolicy

/// The results of simulations: as text, as JSON, as a page.
struct PolicySimulationReport: RunOutcome {
  struct Result {
    let file: String
    let trace: Trace
    let run: Simulation
  }

  let results: [Result]

  // MARK: Text

  // A simulation takes no time.
  var signal: CInt? { nil }
  var failure: String? { nil }
  var holds: Bool { true }

  func tables(width: Int) -> [RunTable] { [table] + results.map(changes(of:)) }

  var sentences: [String] {
    results.flatMap { result in result.remarks.map { "\(result.name): \($0)" } }
  }

  private var table: RunTable {
    RunTable(
      "Work lost, in seconds of an undisturbed machine",
      columns: [
        .words("trace"), .numbers("policy"), .numbers("best"), .numbers("ratio"),
        .numbers("native"), .numbers("paravirtual"), .numbers("switches"),
      ],
      rows: results.map { result in
        let run = result.run
        return [
          result.name, Self.work(run.lost), Self.work(run.leastLost),
          run.ratio.map(Quantity.ratio) ?? "-", Self.work(run.lostByStaying.native),
          Self.work(run.lostByStaying.paravirtual), String(run.changes.count),
        ]
      })
  }

  private func changes(of result: Result) -> RunTable {
    RunTable(
      "Switches in \(result.name), and what each set was losing",
      columns: [
        .numbers("at"), .words("switch"), .words("reason"), .numbers("steal"), .numbers("native"),
        .numbers("paravirtual"),
      ],
      rows: result.run.changes.map { moment in
        let decision = moment.decision
        let next = decision.change ?? decision.inForce
        return [
          Self.seconds(moment.seconds), "\(decision.inForce.name) to \(next.name)",
          decision.reason.name.description, Self.share(decision.steal),
          Self.share(decision.losses?.native), Self.share(decision.losses?.paravirtual),
        ]
      })
  }

  // MARK: A page

  var page: RunPage {
    let lost = results.map(\.run.lost).reduce(0, +)
    let least = results.map(\.run.leastLost).reduce(0, +)
    let ratio = least > 0 ? Quantity.ratio(Double(lost) / Double(least)) : "-"
    let promises = results.compactMap(\.run.keepsPromise)
    let keeps = !promises.contains(false)
    return RunPage(
      title: "Tidelock: when the policy would have switched",
      summary: """
        The policy was run on recorded samples, one at a time. The best possible is the choice of one \
        that knows all of them in advance. The losses come from the policy's table of estimates.
        """,
      verdict: promises.isEmpty
        ? nil
        : .init(
          keeps
            ? "The policy loses \(ratio) times the best possible: within three times, plus one switch."
            : "The policy loses more than three times the best possible, plus one switch.",
          holds: keeps),
      plots: results.flatMap {
        [$0.plot("the policy", \.set), $0.plot("the best possible", \.best)]
      },
      tables: tables(width: .max),
      facts: results.map { result in
        .init(
          result.name,
          ([result.trace.isSynthetic ? "made up" : "recorded", result.trace.comment]
            + result.remarks).filter { !$0.isEmpty }.joined(separator: "; "))
      })
  }

  // MARK: Units

  static func seconds(_ value: Double) -> String { String(format: "%.2f s", value) }
  static func work(_ nanoseconds: Int64) -> String {
    String(format: "%.3f", Double(nanoseconds) / 1e9)
  }
  static func share(_ parts: UInt32?) -> String {
    parts.map { Quantity.percent(Double($0) / 1_000_000) } ?? "-"
  }
}

extension PolicySimulationReport.Result {
  var name: String { URL(fileURLWithPath: file).lastPathComponent }

  /// What readers of the figures must know.
  var remarks: [String] {
    var remarks: [String] = []
    if trace.isSynthetic { remarks.append("a synthetic trace") }
    if run.blind > 0 {
      remarks.append(
        "the policy was blind in \(Quantity.exact(run.blind, "sample")) and followed the hint only")
    }
    if run.impossible > 0 {
      let count = Int(clamping: run.impossible)
      remarks.append("\(Quantity.exact(count, "impossible sample")) changed nothing")
    }
    return remarks + trace.missing.map { "not recorded: \($0)" }
  }

  /// Steal over time, in the sets of somebody.
  fileprivate func plot(
    _ who: String, _ set: (Simulation.Moment) -> LockSet
  ) -> ThroughputPlot {
    var bands: [(set: LockSet, start: Double, end: Double)] = []
    var time = 0.0
    for moment in run.moments {
      if let last = bands.last, last.set == set(moment) {
        bands[bands.count - 1].end = moment.seconds
      } else {
        bands.append((set(moment), time, moment.seconds))
      }
      time = moment.seconds
    }
    return ThroughputPlot(
      title: "\(name): the sets of \(who)", unit: "steal, per cent", seconds: run.seconds,
      samples: run.moments.compactMap { moment in
        moment.decision.steal.map {
          .init(seconds: moment.seconds, perSecond: Double($0) / 10_000)
        }
      },
      bands: bands.map {
        .init(
          from: $0.start, to: $0.end, tone: $0.set.tone, label: $0.set.name.description,
          detail: PolicySimulationReport.seconds($0.end - $0.start))
      })
  }
}

// MARK: JSON

extension PolicySimulationReport {
  var json: JSONObject { ["traces": results.map(\.json)] }
}

extension PolicySimulationReport.Result {
  fileprivate var json: JSONObject {
    [
      "file": file, "kind": trace.kind.rawValue, "start": run.start.name.description,
      "comment": trace.comment, "synthetic": trace.isSynthetic, "missing": trace.missing,
      "seconds": run.seconds, "samples": run.moments.count, "blind_samples": run.blind,
      "impossible_samples": run.impossible, "lost_seconds": Double(run.lost) / 1e9,
      "best_possible_seconds": Double(run.leastLost) / 1e9, "ratio": run.ratio,
      "lost_by_staying_seconds": bySet { Double(run.lostByStaying[$0]) / 1e9 },
      "best_possible_switches": run.bestChanges,
      "within_three_times_plus_one_switch": run.keepsPromise,
      "switches": run.changes.map { moment -> JSONObject in
        let decision = moment.decision
        return [
          "seconds": moment.seconds, "from": decision.inForce.name.description,
          "to": decision.change?.name.description ?? "",
          "reason": decision.reason.name.description,
          "steal_parts_per_million": decision.steal, "stall_parts_per_million": decision.stall,
          "loss_parts_per_million": decision.losses.map { losses in bySet { losses[$0] } },
        ]
      },
    ]
  }

  private func bySet<Value>(_ value: (LockSet) -> Value) -> [String: Value] {
    Dictionary(
      uniqueKeysWithValues: Simulation.sets.map { ($0.name.description, value($0)) })
  }
}
