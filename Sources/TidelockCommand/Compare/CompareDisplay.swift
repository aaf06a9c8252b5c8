import Runs
import Tidelock

/// Shows the progress of the comparison: redrawn lines on a terminal, a line now and then in a pipe.
struct CompareDisplay {
  private let plan: ComparePlan
  private let display: RunDisplay
  private var loadsBegun = 0
  private var loadsShown = 0

  init(_ display: RunDisplay, plan: ComparePlan) {
    self.plan = plan
    self.display = display
  }

  func begin() {
    display.show("comparing \(plan.contestants.map(\.name).joined(separator: "; "))")
    display.showOthers("times and gaps are theirs too")
  }

  mutating func update(_ record: CompareRun.Record, _ rates: RateSampler, elapsed: Double) {
    while loadsShown < record.loads.count {
      showEnd(record.loads[loadsShown])
      loadsShown += 1
    }
    guard !record.isFinished else { return }
    let load = plan.loads[record.load]
    if loadsBegun <= record.load {
      loadsBegun = record.load + 1
      display.show(
        "\(load.name): \(Quantity.exact(load.threads, "thread")) on"
          + " \(Quantity.exact(plan.cpus, "CPU"))")
    }
    let switches = Quantity.exact(record.switches, "switch", "switches")
    let set = LockOperations.current
    display.draw(
      ProgressLines(
        condition: set.description, tone: set.tone,
        details: [
          Quantity.exact(load.threads, "thread"), plan.contestants[record.contestant].name,
          switches,
        ],
        position: "\(record.load + 1) of \(plan.loads.count)", unit: "locks",
        samples: rates.samples, elapsed: elapsed,
        total: record.share > 0 ? elapsed / record.share : plan.seconds))
    display.show(
      "\(Quantity.percent(record.share, decimals: 0)): \(load.name), \(switches)",
      every: .seconds(5))
  }

  private func showEnd(_ load: Comparison.Load) {
    let took = load.rows.map {
      "\($0.name) \(Quantity.duration(microseconds: $0.took.median))"
    }
    if !took.isEmpty {
      display.show(
        "\(load.name): one switch takes, by median, \(took.joined(separator: ", "))")
    }
  }
}
