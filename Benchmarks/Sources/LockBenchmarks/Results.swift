import Runs

/// What the command line asked for.
struct Settings {
  /// Of one run; nil for what suits the benchmark.
  var seconds: Double?
  var rounds: Int?
  var threads: [Int]?
  var switches: Int
  var sections: Sections
  /// Whether rounds wait for a quiet machine, and are repeated if it was not.
  var isQuiet: Bool
  var generator: SeededGenerator
}

/// All that was measured, as far as it was: what `--json` prints.
struct Results: Codable {
  let machine: Machine
  let seed: UInt64
  let sections: Sections
  var series: [Series] = []
  var switches: [SwitchRow] = []
  var figures: [Figure] = []
  /// Of all runs of all contestants: 0, or a lock is broken.
  var lostUpdates: UInt64 = 0
  var undoneSwitches: [String] = []
  /// Whether somebody ended the program before it was through.
  private(set) var isInterrupted = false

  init(machine: Machine, seed: UInt64, sections: Sections) {
    self.machine = machine
    self.seed = seed
    self.sections = sections
  }

  /// Notes whether the program is to end.
  @discardableResult
  mutating func checkInterruption() -> Bool {
    isInterrupted = CaughtSignals.last != nil
    return isInterrupted
  }

  mutating func add(_ series: Series, _ figures: [Figure]) {
    self.series.append(series)
    self.figures += figures
  }
}
