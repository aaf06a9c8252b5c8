import Foundation
import Runs

/// What the command line asked for.
struct Settings {
  /// Of one run; nil for what suits the benchmark.
  var seconds: Double?
  var rounds: Int?
  var threads: [Int]?
  var switches: Int
  /// Locks from elsewhere that take part in `contended`.
  var peers: [PeerLibrary] = []
  var sections: Sections
  /// Whether rounds wait for a quiet machine, and are repeated if it was not.
  var isQuiet: Bool
  var generator: SeededGenerator
}

/// All that was measured, as far as it was: what `--json` prints and `--baseline` reads.
struct Results: Codable {
  /// Of what is printed: grows when a key changes its meaning or goes.
  static let currentFormat = 2

  private(set) var format = Self.currentFormat
  /// Year, month and day, in UTC.
  let date: String
  /// The command without what names files.
  let command: [String]
  let machine: Machine
  /// With family and model, which `machine` leaves out.
  let processor: String
  let seed: UInt64
  let sections: Sections
  var series: [Series] = []
  var switches: [SwitchRow] = []
  /// What `scale` found of memory.
  var sizes: [Size] = []
  var figures: [Figure] = []
  /// Of all runs of all contestants: 0, or a lock is broken.
  var lostUpdates: UInt64 = 0
  var undoneSwitches: [String] = []
  /// Whether somebody ended the program before it was through.
  private(set) var isInterrupted = false

  init(command: [String], machine: Machine, seed: UInt64, sections: Sections) {
    date = Date.now.formatted(.iso8601.year().month().day())
    self.command = command
    self.machine = machine
    processor = Processor.current.description
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

  /// What was measured, in the order of the benchmarks.
  var benchmarks: [Benchmark] {
    Benchmark.allCases.filter { benchmark in series.contains { $0.benchmark == benchmark } }
  }
}
