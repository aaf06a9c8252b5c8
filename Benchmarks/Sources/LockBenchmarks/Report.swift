import Foundation
import Runs

/// The results in words and tables.
struct Report {
  let results: Results

  /// A table with what is to be known to read it.
  struct Part {
    let title: String
    var notes: [String] = []
    var table: Table?
  }

  /// All of it, for a terminal.
  var text: String {
    let parts =
      results.benchmarks.flatMap { tables(of: $0) } + figures(results.figures)
    let texts = parts.map { part in
      ([part.title] + part.notes + [part.table?.text].compactMap(\.self)).joined(separator: "\n")
    }
    return ([machine + "\n" + sections] + texts + remarks).joined(separator: "\n\n")
  }

  /// One benchmark as the section of a page.
  func markdown(of benchmark: Benchmark) -> String {
    let parts =
      figures(results.figures.filter { $0.benchmark == benchmark }) + tables(of: benchmark)
    let texts = parts.map { part in
      (["**\(part.title)**"] + part.notes + [part.table?.markdown].compactMap(\.self))
        .joined(separator: "\n\n")
    }
    let command = (["swift run -c release --package-path Benchmarks benchmarks"] + results.command)
      .joined(separator: " ")
    return
      (["## \(benchmark.heading)", "\(machine); \(results.date), by", "    " + command, sections]
      + texts + remarks).joined(separator: "\n\n")
  }

  /// What it was measured on.
  private var machine: String {
    let machine = results.machine
    return
      "\(results.processor), \(machine.cpus) CPUs, Linux \(machine.kernel), "
      + (machine.hypervisor.map { "hypervisor \($0)" } ?? "no hypervisor") + Self.build
  }

  /// What debug builds measure is debug builds.
  private static var build: String {
    #if DEBUG
      ", DEBUG BUILD"
    #else
      ""
    #endif
  }

  private var sections: String {
    let sections = results.sections
    return """
      Sections: \(sections.inside) steps inside, \(sections.outside) outside, each \
      \(sections.step.short) ns, and a timestamp of \(sections.timestamp.short) ns in both. \
      Seed \(results.seed).
      """
  }

  private var remarks: [String] {
    var remarks = [
      results.lostUpdates == 0
        ? "No update of a guarded word was lost in any run."
        : "BROKEN: \(results.lostUpdates) updates of guarded words were lost."
    ]
    if results.isInterrupted { remarks.append("Interrupted: this is what there was by then.") }
    return remarks
  }

  /// Everything of one benchmark but its figures.
  private func tables(of benchmark: Benchmark) -> [Part] {
    let series = results.series.filter { $0.benchmark == benchmark }.flatMap(tables)
    switch benchmark {
    case .switches where !results.switches.isEmpty: return series + [switches]
    case .scale where !results.sizes.isEmpty: return series + [sizes]
    default: return series
    }
  }

  private var sizes: Part {
    Part(
      title: "memory, bytes",
      table: Table(["of", "bytes"], results.sizes.map { [$0.what, "\($0.bytes)"] }))
  }

  /// One table for each placement that was met.
  private func tables(of series: Series) -> [Part] {
    guard !series.rounds.isEmpty else {
      return [Part(title: series.title, notes: ["No round was completed."])]
    }
    guard !series.groups.isEmpty else {
      return [
        Part(
          title: series.title,
          notes: [
            "The placement of the CPUs changed during each of the \(series.runs) run(s): nothing "
              + "can be compared. Shorter runs (--seconds) leave it less time to."
          ])
      ]
    }
    return series.groups.map { group in
      Part(
        title: series.title + (group.placement.map { "; \($0.rawValue)" } ?? ""),
        notes: notes(of: group, in: series), table: table(of: group, in: series))
    }
  }

  private func notes(of group: Group, in series: Series) -> [String] {
    var found: [String] = []
    let probes = group.rounds.flatMap(\.probes).filter {
      group.placement == nil || Placement($0) == group.placement
    }
    if let trips = Spread(probes.map(\.roundTrip)) {
      found.append("round trip \(trips.range) ns")
    }
    if let slowdowns = Spread(probes.compactMap(\.slowdown)) {
      found.append("slowdown \(slowdowns.range)")
    }
    let details = found.isEmpty ? "" : " (\(found.joined(separator: ", ")))"
    let mixed =
      series.mixedRuns == 0
      ? ""
      : "; in \(series.mixedRuns) of all \(series.runs) runs the placement changed, and they are left out"
    let repeated =
      series.disturbed == 0 ? "" : "; \(series.disturbed) disturbed round(s) repeated"
    func usage(_ share: (Usage) -> Double) -> String {
      guard let spread = Spread(group.rounds.map { share($0.usage) * 100 }) else { return "" }
      return "\(spread.median.short) % (at most \(spread.maximum.short) %)"
    }
    return [
      "Medians of runs in \(group.rounds.count) of \(series.rounds.count) round(s)\(details)\(mixed)\(repeated).",
      "Of the CPUs, by round, other programs used \(usage(\.others)) and the host took "
        + "\(usage(\.stolen)).",
    ]
  }

  private func table(of group: Group, in series: Series) -> Table {
    let met = series.contestants.filter { contestant in
      group.rounds.contains { group.includes(contestant, $0) }
    }
    let rows = met.map { contestant in
      [contestant, "\(group.rounds.count { group.includes(contestant, $0) })"]
        + series.metrics.flatMap { metric -> [String] in
          guard let spread = Spread(group.values(metric, of: contestant).map(metric.shown)) else {
            return ["-", "-"]
          }
          return [spread.median.short, spread.range]
        }
    }
    return Table(["lock", "runs"] + series.metrics.flatMap { [$0.title, "min-max"] }, rows)
  }

  private var switches: Part {
    let rows = results.switches.map { row in
      [row.method, row.to, row.placement?.rawValue ?? "-", "\(row.count)"]
        + [row.whole, row.withoutDrain, row.stall].flatMap {
          [$0.median.short, $0.p99.short, $0.maximum.short]
        } + ["\(row.breakpoints)"]
    }
    let titles =
      ["method", "to", "placement", "switches"]
      + ["whole", "no drain", "stall"].flatMap { ["\($0): median", "p99", "longest"] }
      + ["breakpoints"]
    return Part(
      title: "each switch, µs", notes: results.undoneSwitches.prefix(5).map { "Undone: \($0)" },
      table: Table(titles, rows))
  }

  private func figures(_ figures: [Figure]) -> [Part] {
    guard !figures.isEmpty else { return [] }
    let rows = figures.map { figure -> [String] in
      let verdict = figure.reached.map { $0 ? "reached" : "MISSED" } ?? "not measured"
      guard let measured = figure.measured else {
        return [figure.title, figure.wanted, "-", "-", "-", "0", verdict]
      }
      return [
        figure.title, figure.wanted, measured.median.short, measured.quartiles, measured.range,
        "\(measured.count)", verdict,
      ]
    }
    return [
      Part(
        title: "figures to reach: medians by round",
        table: Table(["figure", "wanted", "median", "quartiles", "min-max", "rounds", ""], rows))
    ]
  }
}

extension Benchmark {
  /// Of its section on a page.
  var heading: String {
    switch self {
    case .uncontended: "Uncontended locks"
    case .contended: "Contended locks"
    case .switches: "Switches in a program"
    case .importOnly: "Programs that change only their import"
    case .scale: "How costs grow"
    }
  }
}
