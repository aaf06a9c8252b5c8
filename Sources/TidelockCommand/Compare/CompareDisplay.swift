import Foundation
import Runs
import Tidelock

/// Shows how the comparison goes: redrawn lines on a terminal, a line now and then in a pipe.
struct CompareDisplay {
  private let plan: ComparePlan
  private let terminal: Terminal
  private let isSilent: Bool
  private var live: LiveLines
  private var loadsBegun = 0
  private var loadsShown = 0
  private var lastLine = 0.0

  /// How often a pipe gets a line, in seconds.
  private static let lineInterval = 5.0

  /// With `--json` standard output is left alone, and a terminal on standard error is drawn on.
  init(json: Bool, plan: ComparePlan) {
    self.plan = plan
    terminal = Terminal(json ? .standardError : .standardOutput)
    isSilent = json && !terminal.isLive
    live = LiveLines(terminal)
  }

  mutating func begin() {
    show("comparing \(plan.contestants.map(\.name).joined(separator: "; "))")
    let others = Machine.current.otherThreads
    if others > 0 {
      show(
        "busy with \(Quantity.exact(others, "other thread")) just now: times and gaps are theirs"
          + " too")
    }
  }

  mutating func update(
    _ record: CompareRun.Record, samples: [ThroughputPlot.Sample], elapsed: Double
  ) {
    while loadsShown < record.loads.count {
      showEnd(record.loads[loadsShown])
      loadsShown += 1
    }
    guard !record.isFinished else { return }
    let load = plan.loads[record.load]
    if loadsBegun <= record.load {
      loadsBegun = record.load + 1
      show(
        "\(load.name): \(Quantity.exact(load.threads, "thread")) on"
          + " \(Quantity.exact(plan.cpus, "CPU"))")
    }
    let switches = Quantity.exact(record.switches, "switch", "switches")
    if terminal.isLive, !isSilent {
      let set = LockOperations.current
      let lines = ProgressLines(
        condition: set.description, tone: set.tone,
        details: [
          Quantity.exact(load.threads, "thread"), plan.contestants[record.contestant].name,
          switches,
        ],
        position: "\(record.load + 1) of \(plan.loads.count)", unit: "locks",
        samples: samples, elapsed: elapsed,
        total: record.share > 0 ? elapsed / record.share : plan.seconds)
      live.draw(lines.lines(width: terminal.width, plain: terminal.isPlain))
    } else if !terminal.isLive, elapsed - lastLine >= Self.lineInterval {
      lastLine = elapsed
      show("\(String(format: "%.0f", record.share * 100)) %: \(load.name), \(switches)")
    }
  }

  /// Takes the redrawn lines away and gives the cursor back.
  mutating func close() { live.close() }

  /// The tables and what they come to.
  func end(_ comparison: Comparison) { comparison.show(on: terminal) }

  private mutating func showEnd(_ load: Comparison.Load) {
    let took = load.rows.map {
      "\($0.name) \(Quantity.duration(microseconds: $0.took.median))"
    }
    if !took.isEmpty {
      show("\(load.name): one switch takes, by median, \(took.joined(separator: ", "))")
    }
  }

  private mutating func show(_ line: String) {
    if !isSilent { live.print(line) }
  }
}

extension Comparison {
  /// The tables and what they come to.
  func show(on terminal: Terminal) {
    let width = terminal.isLive ? terminal.width : 120
    if interrupted { terminal.write(paragraph: "Interrupted: what was measured until then.") }
    for table in tables where !table.isEmpty {
      terminal.write("\n\(table.title)\n\n" + table.text(width: width))
    }
    terminal.write("\n")
    for sentence in findings + [verdict] { terminal.write(paragraph: sentence) }
  }
}
