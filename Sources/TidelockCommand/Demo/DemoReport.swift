import Runs
import Tidelock

extension DemoOutcome {
  func tables(width: Int) -> [RunTable] { [phaseTable, switchTable, decisionTable] }

  private var phaseTable: RunTable {
    RunTable(
      "Throughput by phase",
      columns: [
        .words("phase"), .words("lock set"), .numbers("threads"), .numbers("words/s"),
        .numbers("of the first"),
      ],
      rows: record.phases.map { phase in
        let first = record.phases.first?.operationsPerSecond ?? 0
        return [
          phase.name, phase.set.description, String(phase.threads),
          Quantity.count(phase.operationsPerSecond),
          Quantity.ratio(phase.operationsPerSecond / first),
        ]
      })
  }

  private var switchTable: RunTable {
    RunTable(
      "What each switch cost",
      columns: [
        .words("switch"), .words("protocol"), .words("result"), .numbers("took"),
        .numbers("longest stall"), .numbers("sites"), .numbers("breakpoints"),
      ],
      rows: record.switches.map { entry in
        let report = entry.report
        return [
          "\(report.from) to \(report.to)", report.protocol.name.description,
          report.result.name.description,
          report.took, Quantity.duration(microseconds: Double(report.stallNanoseconds) / 1000),
          String(report.sites), String(report.breakpoints),
        ]
      })
  }

  /// What the switch did for the oversubscribed threads, where both phases were measured.
  var finding: String? {
    let oversubscribed = record.phases.filter { $0.threads > plan.cpus }
    guard let before = oversubscribed.first(where: { $0.set == .native }),
      let after = oversubscribed.first(where: { $0.set == .paravirtual }),
      before.operationsPerSecond > 0
    else { return nil }
    let ratio = after.operationsPerSecond / before.operationsPerSecond
    return "\(before.threads) threads on \(Quantity.exact(plan.cpus, "CPU")) count"
      + " \(Quantity.count(before.operationsPerSecond)) words/s under native locks and"
      + " \(Quantity.count(after.operationsPerSecond)) under paravirtual ones, \(Quantity.count(ratio)) times"
      + " as many."
  }

  /// The run as a page.
  var page: RunPage {
    let seconds = signal == nil ? plan.seconds : samples.last?.seconds ?? 0
    let plot = ThroughputPlot(
      title: "Throughput over time", unit: "words counted per second", seconds: seconds,
      samples: samples,
      bands: record.phases.map { phase in
        .init(
          from: phase.start, to: phase.end, tone: phase.set.tone, label: phase.set.description,
          detail: Quantity.exact(phase.threads, "thread"))
      },
      marks: record.switches.map { entry in
        .init(seconds: entry.at, label: "switch to \(entry.report.to), \(entry.report.took)")
      })
    let text = counter.text
    return RunPage(
      title: "Tidelock: the locks of a running program, switched",
      summary: """
        Threads count the words of a text into shared tables; every word takes a lock. Meanwhile \
        their number changes, and the locks are switched under them. \(finding ?? following ?? "")
        """,
      verdict: .init(verdict, holds: proof.verified),
      plots: [plot],
      tables: tables(width: .max),
      facts: [
        .init(
          "text",
          "\(Quantity.exact(counter.words, "word")), \(Quantity.exact(counter.differentWords))"
            + " different, in \(Quantity.exact(text.bytes.count, "byte")) of"
            + " \(Quantity.exact(text.files, "file"))"),
        .init("counted", Quantity.exact(proof.counted, "word")),
      ], end: end("after all phases"))
  }
}

extension SwitchReport {
  /// How long it lasted.
  var took: String { Quantity.duration(microseconds: Double(nanoseconds) / 1000) }
}

extension LockSet {
  /// How a display tints the set.
  var tone: ThroughputPlot.Band.Tone {
    switch self {
    case .native: .native
    case .paravirtual: .paravirtual
    case .testAndSet: .testAndSet
    }
  }
}
