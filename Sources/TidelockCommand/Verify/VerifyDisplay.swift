import ProtocolModels
import Runs

/// Shows how a run goes: redrawn lines on a terminal, a line for each check in a pipe.
struct VerifyDisplay {
  private let run: VerifyRun
  private let terminal: Terminal
  private let isSilent: Bool
  private var live: LiveLines
  private var shown = 0
  private var samples: [ThroughputPlot.Sample] = []
  private var last = (seconds: 0.0, steps: 0)

  /// With `--json` standard output is left alone, and a terminal on standard error is drawn on.
  init(json: Bool, _ run: VerifyRun) {
    self.run = run
    terminal = Terminal(json ? .standardError : .standardOutput)
    isSilent = json && !terminal.isLive
    live = LiveLines(terminal)
  }

  mutating func begin() {
    show(
      "\(Quantity.exact(run.checks.count, "check")), \(Quantity.exact(run.jobs)) at a time; each is"
        + " a model in all its schedules")
  }

  mutating func update(_ record: VerifyRun.Record) {
    for (_, result) in record.finished[shown...] {
      shown += 1
      let states = Quantity.exact(result.exploration.states, "state")
      show(
        "[\(shown)/\(run.checks.count)] \(result.check.id): \(result.verdict); \(states) in"
          + " \(Quantity.duration(microseconds: result.exploration.seconds * 1e6))")
    }
    let elapsed = run.elapsed
    if elapsed - last.seconds >= 0.15 {
      let rate = Double(max(0, record.steps - last.steps)) / (elapsed - last.seconds)
      samples.append(.init(seconds: elapsed, perSecond: rate))
      last = (elapsed, record.steps)
    }
    guard terminal.isLive, !isSilent, record.workersLeft > 0 else { return }
    let current = record.current.sorted { $0.key < $1.key }.map(\.value)
    let states = Quantity.count(Double(current.reduce(0) { $0 + $1.states })) + " states"
    let lines = ProgressLines(
      condition: current.first?.check.id ?? "", tone: .plain,
      details: [current.contains { $0.isShortening } ? "shortening a schedule" : states]
        + current.dropFirst().map(\.check.id),
      position: "\(shown) of \(run.checks.count)", unit: "steps", samples: samples,
      elapsed: elapsed, total: elapsed + VerifyEstimate.secondsLeft(record, run, elapsed: elapsed))
    live.draw(lines.lines(width: terminal.width, plain: terminal.isPlain))
  }

  /// Takes the redrawn lines away and gives the cursor back.
  mutating func close() { live.close() }

  /// The table, and what it comes to.
  mutating func end(_ outcome: VerifyOutcome) {
    if outcome.signal != nil { show("Interrupted: what was checked until then.") }
    if !outcome.table.isEmpty {
      terminal.write("\n" + outcome.tableText(width: terminal.isLive ? terminal.width : 240) + "\n")
    }
    for sentence in outcome.sentences { terminal.write(paragraph: sentence) }
  }

  private mutating func show(_ line: String) {
    if !isSilent { live.print(line) }
  }
}
