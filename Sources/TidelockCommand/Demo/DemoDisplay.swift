import Foundation
import Runs
import Tidelock

/// Shows how the demo goes: redrawn lines on a terminal, a line for each event in a pipe.
struct DemoDisplay {
  private let plan: DemoPlan
  private let terminal: Terminal
  private let isSilent: Bool
  private var live: LiveLines
  private var phasesShown = 0
  private var switchesShown = 0
  private var decisionsShown = 0.0

  /// With `--json` standard output is left alone, and a terminal on standard error is drawn on.
  init(json: Bool, plan: DemoPlan) {
    self.plan = plan
    terminal = Terminal(json ? .standardError : .standardOutput)
    isSilent = json && !terminal.isLive
    live = LiveLines(terminal)
  }

  mutating func begin(_ counter: WordCounter) {
    let text = counter.text
    show(
      "\(Quantity.exact(counter.words, "word")), \(Quantity.exact(counter.differentWords)) different,"
        + " in \(Quantity.exact(text.files, "file")); \(Quantity.exact(plan.cpus, "CPU"))")
    let others = Machine.current.otherThreads
    if others > 0 {
      show(
        "busy with \(Quantity.exact(others, "other thread")) just now: where the phases say"
          + " dedicated, the CPUs are not quite")
    }
    if text.unreadable > 0 { show("left out, since unreadable: \(text.unreadable)") }
  }

  mutating func update(
    _ record: DemoRun.Record, samples: [ThroughputPlot.Sample], elapsed: Double
  ) {
    for decision in record.decisions where decision.isChange && decision.seconds > decisionsShown {
      decisionsShown = decision.seconds
      show("policy: \(decision.line)")
    }
    // In the order in which they ended: a switch comes after the phase that it ends.
    while switchesShown < record.switches.count || phasesShown < record.phases.count {
      let phase = phasesShown < record.phases.count ? record.phases[phasesShown] : nil
      let change = switchesShown < record.switches.count ? record.switches[switchesShown] : nil
      if let phase, change.map({ phase.end <= $0.at }) ?? true {
        phasesShown += 1
        show(phase)
      } else if let change {
        switchesShown += 1
        show(change.report)
      }
    }
    if terminal.isLive, !isSilent, !record.isFinished {
      let set = LockOperations.current
      let lines = ProgressLines(
        condition: set.description, tone: set.tone,
        details: [Quantity.exact(record.current.threads, "thread"), record.current.name],
        position: "\(min(phasesShown + 1, plan.phases)) of \(plan.phases)", unit: "words",
        samples: samples, elapsed: elapsed, total: plan.seconds)
      live.draw(lines.lines(width: terminal.width, plain: terminal.isPlain))
    }
  }

  /// Takes the redrawn lines away and gives the cursor back.
  mutating func close() { live.close() }

  /// The tables and the proof.
  mutating func end(_ outcome: DemoOutcome) {
    let width = terminal.isLive ? terminal.width : 120
    if outcome.signal != nil { show("Interrupted: what was measured until then.") }
    for table in [outcome.phaseTable, outcome.switchTable, outcome.decisionTable]
    where !table.isEmpty {
      terminal.write("\n\(table.title)\n\n" + table.text(width: width))
    }
    terminal.write("\n")
    for sentence in [outcome.finding, outcome.following, outcome.verdict] {
      if let sentence { terminal.write(paragraph: sentence) }
    }
  }

  private mutating func show(_ phase: DemoRun.Phase) {
    show(
      "\(phase.set), \(Quantity.exact(phase.threads, "thread")), \(phase.name):"
        + " \(Quantity.count(phase.operationsPerSecond)) words/s")
  }

  private mutating func show(_ report: SwitchReport) {
    show(
      "switched from \(report.from) to \(report.to) in"
        + " \(Quantity.duration(microseconds: Double(report.nanoseconds) / 1000))")
  }

  private mutating func show(_ line: String) {
    if !isSilent { live.print(line) }
  }
}
