import Runs

@testable import LockBenchmarks

struct Entry: Named {
  let name: String
}

extension Probe {
  static let siblings = Probe(roundTrip: 70, slowdown: 2)
  static let sameCache = Probe(roundTrip: 110, slowdown: 1.02)
  static let far = Probe(roundTrip: 600, slowdown: 1.0)
}

extension [Probe] {
  /// Nothing changed during a round of two contestants.
  static func all(_ probe: Probe) -> [Probe] { [probe, probe, probe] }
}

extension Series {
  /// Rounds of two contestants, with what was probed (before the first, between them, after the second) and
  /// measured in each.
  static func madeUp(
    _ benchmark: Benchmark = .contended, isByPlacement: Bool = true,
    _ metric: Metric = .nanosecondsPerPair,
    rounds: [(probes: [Probe], one: Double, other: Double)]
  ) -> Series {
    var series = Series(
      benchmark, "test", [Entry(name: "one"), Entry(name: "other")], [metric],
      isByPlacement: isByPlacement)
    for round in rounds {
      series.rounds.append(
        Round(
          number: series.rounds.count, probes: round.probes, isByPlacement: isByPlacement,
          usage: Usage(others: 0, stolen: 0), order: ["one", "other"],
          values: [
            "one": [metric.rawValue: round.one], "other": [metric.rawValue: round.other],
          ]))
    }
    return series
  }
}

extension Results {
  /// Of this machine, with sections that take no time to measure.
  static func madeUp(_ series: [Series] = [], _ figures: [Figure] = []) -> Results {
    var results = Results(
      command: ["contended"], machine: .current, seed: 1,
      sections: Sections(inside: 50, outside: 100))
    results.series = series
    results.figures = figures
    return results
  }
}
