import Foundation
import Runs

/// The results as text.
struct Report {
  let results: Results

  var text: String {
    var parts = [header]
    for series in results.series {
      parts.append(describe(series))
    }
    if !results.switches.isEmpty { parts.append(switches) }
    parts.append(figures)
    parts.append(
      results.lostUpdates == 0
        ? "No update of a guarded word was lost in any run."
        : "BROKEN: \(results.lostUpdates) updates of guarded words were lost.")
    if results.isInterrupted { parts.append("Interrupted: this is what there was by then.") }
    return parts.joined(separator: "\n\n")
  }

  private var header: String {
    let machine = results.machine
    let sections = results.sections
    return """
      \(machine.cpuModel), \(machine.cpus) CPUs, Linux \(machine.kernel), \
      \(machine.hypervisor.map { "hypervisor \($0)" } ?? "no hypervisor")
      Sections: \(sections.inside) steps inside, \(sections.outside) outside, each \
      \(sections.step.short) ns, and a timestamp of \(sections.timestamp.short) ns in both. \
      Seed \(results.seed).
      """
  }

  private func describe(_ series: Series) -> String {
    guard let placement = series.placement else {
      return "\(series.title)\nNo round was completed."
    }
    let classes = Placement.allCases.filter { series.count($0) > 0 }.map { placement in
      let trips = series.rounds.filter { $0.placement == placement }.flatMap(\.roundTrips)
      let range = Spread(trips).map { " (\($0.minimum.short)-\($0.maximum.short) ns)" } ?? ""
      return "\(series.count(placement)) \(placement)\(range)"
    }
    func usage(_ share: (Usage) -> Double) -> String {
      guard let spread = Spread(series.rounds.map { share($0.usage) * 100 }) else { return "" }
      return "\(spread.median.short) % (at most \(spread.maximum.short) %)"
    }
    let rows = series.contestants.map { contestant in
      [contestant]
        + series.metrics.flatMap { metric -> [String] in
          guard let spread = Spread(series.values(metric, of: contestant).map(metric.shown)) else {
            return ["-", "-"]
          }
          return [spread.median.short, spread.range]
        }
    }
    let repeated =
      series.disturbed == 0 ? "" : "; \(series.disturbed) disturbed one(s) repeated"
    let titles = series.metrics.flatMap { [$0.title, "min-max"] }
    return """
      \(series.title): \(series.rounds.count) round(s), \(classes.joined(separator: ", ")); \
      medians of the \(series.count(placement)) \(placement) ones\(repeated)
      Of the CPUs, by round, other programs used \(usage(\.others)) and the host took \
      \(usage(\.stolen)).
      \(table(["lock"] + titles, rows))
      """
  }

  private var switches: String {
    let rows = results.switches.map { row in
      [row.method, row.to, "\(row.count)"]
        + [row.whole, row.withoutDrain, row.stall].flatMap {
          [$0.median.short, $0.p99.short, $0.maximum.short]
        } + ["\(row.breakpoints)"]
    }
    let titles =
      ["method", "to", "switches"]
      + ["whole", "no drain", "stall"].flatMap { ["\($0): median", "p99", "longest"] }
      + ["breakpoints"]
    let undone = results.undoneSwitches.prefix(5).map { "\nUndone: \($0)" }.joined()
    return "each switch, µs\n\(table(titles, rows))\(undone)"
  }

  private var figures: String {
    let rows = results.figures.map { figure -> [String] in
      let verdict = figure.reached.map { $0 ? "reached" : "MISSED" } ?? "not measured"
      guard let measured = figure.measured else {
        return [figure.name, figure.wanted, "-", "-", "-", "0", verdict]
      }
      return [
        figure.name, figure.wanted, measured.median.short, measured.quartiles, measured.range,
        "\(measured.count)", verdict,
      ]
    }
    return "figures to reach: medians by round\n"
      + table(["figure", "wanted", "median", "quartiles", "min-max", "rounds", ""], rows)
  }

  /// The first column to the left, the others to the right.
  private func table(_ titles: [String], _ rows: [[String]]) -> String {
    let columns = titles.enumerated().map { index, title in
      index == 0 ? RunTable.Heading.words(title) : .numbers(title)
    }
    return RunTable("", columns: columns, rows: rows).text()
      .trimmingCharacters(in: .newlines)
  }
}

extension Double {
  /// Three significant digits, or all before the point.
  var short: String {
    guard isFinite else { return isNaN ? "-" : "∞" }
    let digits = self == 0 ? 0 : max(0, 2 - Int(log10(abs(self)).rounded(.down)))
    return String(format: "%.\(min(digits, 6))f", self)
  }
}
