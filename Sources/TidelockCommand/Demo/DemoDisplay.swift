import Runs
import Tidelock

/// Shows the progress of the demo: redrawn lines on a terminal, a line for each event in a pipe.
struct DemoDisplay {
  private let plan: DemoPlan
  private let display: RunDisplay
  private var phasesShown = 0
  private var switchesShown = 0
  private var decisionsShown = 0.0

  init(_ display: RunDisplay, plan: DemoPlan) {
    self.plan = plan
    self.display = display
  }

  func begin(_ counter: WordCounter) {
    let text = counter.text
    display.show(
      "\(Quantity.exact(counter.words, "word")), \(Quantity.exact(counter.differentWords)) different,"
        + " in \(Quantity.exact(text.files, "file")); \(Quantity.exact(plan.cpus, "CPU"))")
    display.showOthers("where the phases say dedicated, the CPUs are not quite")
    if text.unreadable > 0 { display.show("left out, since unreadable: \(text.unreadable)") }
  }

  mutating func update(_ record: DemoRun.Record, _ rates: RateSampler, elapsed: Double) {
    for decision in record.decisions where decision.isChange && decision.seconds > decisionsShown {
      decisionsShown = decision.seconds
      display.show("policy: \(decision.line)")
    }
    // In the order in which they ended: a switch comes after the phase that it ends.
    while switchesShown < record.switches.count || phasesShown < record.phases.count {
      let phase = phasesShown < record.phases.count ? record.phases[phasesShown] : nil
      let change = switchesShown < record.switches.count ? record.switches[switchesShown] : nil
      if let phase, change.map({ phase.end <= $0.at }) ?? true {
        phasesShown += 1
        display.show(
          "\(phase.set), \(Quantity.exact(phase.threads, "thread")), \(phase.name):"
            + " \(Quantity.count(phase.operationsPerSecond)) words/s")
      } else if let change {
        switchesShown += 1
        display.show(
          "switched from \(change.report.from) to \(change.report.to) in \(change.report.took)")
      }
    }
    guard !record.isFinished else { return }
    let set = LockOperations.current
    display.draw(
      ProgressLines(
        condition: set.description, tone: set.tone,
        details: [Quantity.exact(record.current.threads, "thread"), record.current.name],
        position: "\(min(phasesShown + 1, plan.phases)) of \(plan.phases)", unit: "words",
        samples: rates.samples, elapsed: elapsed, total: plan.seconds))
  }
}

extension RunDisplay {
  /// Warns if other programs disturb the measurement.
  func showOthers(_ effect: String) {
    let others = Machine.current.otherThreads
    if others > 0 {
      show("busy with \(Quantity.exact(others, "other thread")) just now: \(effect)")
    }
  }
}
