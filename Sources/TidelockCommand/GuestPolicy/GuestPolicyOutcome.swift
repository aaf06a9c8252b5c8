import GuestTestBed
import LockPlatform
import Runs

/// The outcome for a guest that followed its host.
struct GuestPolicyOutcome: RunOutcome {
  let vcpus: Int
  let kernel: String
  let record: GuestPolicyRecord
  /// The signal that ended the run early.
  let signal: CInt?

  func tables(width: Int) -> [RunTable] { [phaseTable, switchTable, decisionTable] }

  private var phaseTable: RunTable {
    RunTable(
      "Acquisitions by phase",
      columns: [.words("phase"), .words("lock set at its end"), .numbers("acquisitions/s")],
      rows: record.phases.map { [$0.name, $0.set, Quantity.count($0.acquisitionsPerSecond)] })
  }

  private var switchTable: RunTable {
    RunTable(
      "What each switch cost",
      columns: [
        .words("switch"), .words("asked by"), .words("result"), .numbers("seen after"),
        .numbers("took"), .numbers("longest stall"),
      ],
      rows: record.switches.map { entry in
        [
          "\(entry.report.from) to \(entry.report.to)", entry.report.reason, entry.report.result,
          Quantity.duration(microseconds: entry.at * 1e6),
          Quantity.duration(microseconds: entry.report.microseconds),
          Quantity.duration(microseconds: entry.report.longestStall),
        ]
      })
  }

  private var decisionTable: RunTable {
    RunTable(
      "What the policy decided",
      columns: [
        .numbers("guest's s"), .words("lock set"), .words("switch to"), .words("why"),
        .numbers("steal"), .numbers("native loses"), .numbers("paravirtual loses"),
        .numbers("times"),
      ],
      rows: record.decisions.map { decision in
        func share(_ name: String) -> String { decision.shares[name].map { "\($0) %" } ?? "" }
        return [
          Quantity.count(decision.seconds), decision.set, decision.change ?? "", decision.reason,
          share("steal"), share("native loses"), share("paravirtual loses"),
          String(decision.count),
        ]
      })
  }

  /// The findings in words.
  var sentences: [String] {
    func delay(_ set: String, _ isStolen: Bool) -> String {
      record.delay(to: set, isStolen: isStolen).map { Quantity.duration(microseconds: $0 * 1e6) }
        ?? "not"
    }
    return [
      "Nobody told the guest to switch. From the arrival of other work on its host until it was seen in"
        + " paravirtual: \(delay("paravirtual", true)); from the end of that work until native:"
        + " \(delay("native", false)).",
      record.exclusion == true
        ? "Exclusion was kept: no section met another, and all counts add up."
        : "Exclusion was not kept, or not checked to the end.",
      record.isRestored == true
        ? "The kernel's text is as it was before loading."
        : "It is not known that the kernel's text is as it was before loading.",
    ]
  }

  /// An interrupted run has no useful failure of its own.
  var failure: String? { signal == nil ? record.failure : nil }
  var holds: Bool {
    record.exclusion ?? (signal != nil) && record.isRestored ?? (signal != nil)
  }

  /// Everything but the samples.
  var json: JSONObject {
    [
      "machine": Machine.current, "kernel": kernel, "vcpus": vcpus, "phases": record.phases,
      "switches": record.switches.map { ["seconds": $0.at, "report": $0.report] as JSONObject },
      "decisions": record.decisions,
      "seconds_to_paravirtual": record.delay(to: "paravirtual", isStolen: true),
      "seconds_to_native": record.delay(to: "native", isStolen: false),
      "exclusion_kept": record.exclusion, "text_restored": record.isRestored,
      "error": record.failure,
    ]
  }

  /// The run as a page.
  var page: RunPage {
    let seconds = record.phases.last?.end ?? 0
    let steal = ThroughputPlot(
      title: "Steal over time", unit: "per cent of what the guest wanted", seconds: seconds,
      samples: record.steal.map { .init(seconds: $0.seconds, perSecond: $0.share) }, bands: bands,
      marks: marks)
    let plot = ThroughputPlot(
      title: "Throughput over time", unit: "acquisitions per second", seconds: seconds,
      samples: record.rates.samples, bands: bands, marks: marks)
    return RunPage(
      title: "Tidelock: a guest that follows its host",
      summary: """
        Every virtual CPU of a guest on KVM contends for one lock. Its host gets other work, which takes \
        CPUs away from it, and loses it again. \(sentences.first ?? "")
        """,
      verdict: .init(
        sentences.dropFirst().joined(separator: " "),
        holds: holds && failure == nil),
      plots: [plot, steal],
      tables: tables(width: .max),
      facts: [
        .init("guest", "Linux \(kernel), \(vcpus) vCPUs on a host with \(vcpus * 2) CPUs")
      ], end: end("after all phases"))
  }

  private var bands: [ThroughputPlot.Band] {
    record.phases.map { phase in
      .init(
        from: phase.start, to: phase.end,
        tone: phase.set == "native" ? .native : .paravirtual,
        label: phase.name, detail: "\(phase.set) at its end")
    }
  }

  private var marks: [ThroughputPlot.Mark] {
    record.switches.map {
      .init(seconds: $0.at, label: "switch to \($0.report.to), by \($0.report.reason)")
    }
  }
}
