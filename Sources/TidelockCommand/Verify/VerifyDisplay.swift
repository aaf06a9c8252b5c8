import ProtocolModels
import Runs

/// Shows the progress of a run: redrawn lines on a terminal, a line for each check in a pipe.
struct VerifyDisplay {
  private let run: VerifyRun
  private let display: RunDisplay
  private var shown = 0
  private var rates = RateSampler(interval: 0.15)

  init(_ display: RunDisplay, _ run: VerifyRun) {
    self.run = run
    self.display = display
  }

  func begin() {
    display.show(
      "\(Quantity.exact(run.checks.count, "check")), \(Quantity.exact(run.jobs)) at a time; each is"
        + " a model in all its schedules")
  }

  mutating func update(_ record: VerifyRun.Record, isFinished: Bool, elapsed: Double) {
    for (_, result) in record.finished[shown...] {
      shown += 1
      let states = Quantity.exact(result.exploration.states, "state")
      display.show(
        "[\(shown)/\(run.checks.count)] \(result.check.id): \(result.verdict); \(states) in"
          + " \(Quantity.duration(microseconds: result.exploration.seconds * 1e6))")
    }
    rates.note(record.steps, at: elapsed)
    guard !isFinished else { return }
    let current = record.current.sorted { $0.key < $1.key }.map(\.value)
    let states = Quantity.count(Double(current.reduce(0) { $0 + $1.states })) + " states"
    display.draw(
      ProgressLines(
        condition: current.first?.check.id ?? "", tone: .plain,
        details: [current.contains { $0.isShortening } ? "shortening a schedule" : states]
          + current.dropFirst().map(\.check.id),
        position: "\(shown) of \(run.checks.count)", unit: "steps", samples: rates.samples,
        elapsed: elapsed,
        total: elapsed + VerifyEstimate.secondsLeft(record, run, elapsed: elapsed)))
  }
}
