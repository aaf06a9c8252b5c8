import Runs

/// This run against a saved one: what became better or worse beyond noise.
struct Comparison {
  enum Verdict: String {
    case better
    case worse
    case same = "within noise"
    case unknown = "too few rounds"
  }

  /// One quantity in both runs, by round.
  struct Row {
    let name: String
    let isBetterSmall: Bool
    let saved: Spread
    let now: Spread

    /// With fewer rounds in either run quartiles say nothing.
    static let fewestRounds = 4
    /// What the place of code in memory alone may make.
    static let leastChange = 0.01

    /// Beyond noise is what the quartiles of the two runs do not overlap in, and more than 1 % apart: the
    /// middle halves of all rounds lie on two sides.
    var verdict: Verdict {
      guard min(saved.count, now.count) >= Self.fewestRounds else { return .unknown }
      let isBeyondNoise =
        now.lowerQuartile > saved.upperQuartile || now.upperQuartile < saved.lowerQuartile
      guard isBeyondNoise,
        abs(now.median - saved.median)
          > Self.leastChange * min(abs(now.median), abs(saved.median))
      else {
        return .same
      }
      return (now.median < saved.median) == isBetterSmall ? .better : .worse
    }
  }

  /// The figures of both runs.
  let figures: [Row]
  /// What the ratios are made of: each contestant's own values.
  let values: [Row]
  /// Figures of the saved run that this one does not have, and the other way round.
  let onlySaved, onlyNow: [String]
  /// What is not alike in the two runs.
  let warnings: [String]

  /// Whether a figure became worse beyond noise.
  var isWorse: Bool { figures.contains { $0.verdict == .worse } }

  init(of now: Results, with saved: Results) {
    var figures: [Row] = []
    func key(_ figure: Figure) -> String {
      figure.name + (figure.placement.map { "; \($0.rawValue)" } ?? "")
    }
    // An interrupted series has figures without values.
    let old = Dictionary(
      saved.figures.filter { $0.measured != nil }.map { (key($0), $0) }, uniquingKeysWith: { $1 })
    let measured = now.figures.filter { $0.measured != nil }
    for figure in measured {
      guard let before = old[key(figure)], let saved = before.measured, let now = figure.measured
      else { continue }
      // The best peer of one run need not be that of the other.
      let note =
        before.note == figure.note
        ? "" : " (saved: \(before.note ?? "-"); now: \(figure.note ?? "-"))"
      figures.append(
        Row(
          name: key(figure) + note, isBetterSmall: figure.bound != .atLeast, saved: saved, now: now)
      )
    }
    self.figures = figures
    let names = Set(measured.map(key))
    onlySaved = old.keys.filter { !names.contains($0) }.sorted()
    onlyNow = names.filter { old[$0] == nil }.sorted()
    values = Self.values(now, saved)
    warnings = Self.warnings(now, saved)
  }

  private static func values(_ now: Results, _ saved: Results) -> [Row] {
    now.series.flatMap { series -> [Row] in
      guard let before = saved.series.first(where: { $0.title == series.title }) else { return [] }
      return series.groups.flatMap { group -> [Row] in
        guard let old = before.groups.first(where: { $0.placement == group.placement }) else {
          return []
        }
        return series.contestants.flatMap { contestant in
          series.metrics.compactMap { metric in
            guard let saved = Spread(old.values(metric, of: contestant).map(metric.shown)),
              let now = Spread(group.values(metric, of: contestant).map(metric.shown))
            else { return nil }
            let placement = group.placement.map { "; \($0.rawValue)" } ?? ""
            return Row(
              name: "\(series.title)\(placement): \(contestant), \(metric.title)",
              isBetterSmall: metric.isBetterSmall, saved: saved, now: now)
          }
        }
      }
    }
  }

  private static func warnings(_ now: Results, _ saved: Results) -> [String] {
    var warnings: [String] = []
    func warn(_ what: String, _ before: String, _ after: String) {
      if before != after {
        warnings.append("The saved run had \(what) \(before), this one \(after).")
      }
    }
    warn("Linux", saved.machine.kernel, now.machine.kernel)
    warn("the hypervisor", saved.machine.hypervisor ?? "none", now.machine.hypervisor ?? "none")
    func nanoseconds(_ sections: Sections, _ steps: UInt32) -> Double {
      Double(steps) * sections.step + sections.timestamp
    }
    for (what, of) in [("inside", \Sections.inside), ("outside", \Sections.outside)] {
      let before = nanoseconds(saved.sections, saved.sections[keyPath: of])
      let after = nanoseconds(now.sections, now.sections[keyPath: of])
      // The rest is rounding and the clock's rate.
      if abs(after - before) > 0.1 * before + 2 {
        warn("sections with ns of work \(what):", before.short, after.short)
      }
    }
    for series in now.series {
      guard let before = saved.series.first(where: { $0.title == series.title }) else { continue }
      warn(
        "seconds a run of \(series.title):", before.seconds?.short ?? "-",
        series.seconds?.short ?? "-")
    }
    if saved.isInterrupted { warnings.append("The saved run was interrupted.") }
    return warnings
  }

  /// All of it, for a terminal.
  var text: String {
    func table(_ rows: [Row]) -> String {
      Table(
        ["", "saved", "quartiles", "now", "quartiles", ""],
        rows.map { row in
          [
            row.name, row.saved.median.short, row.saved.quartiles, row.now.median.short,
            row.now.quartiles, row.verdict.rawValue,
          ]
        }
      ).text
    }
    var parts = ["compared with the saved run, medians by round"]
    if !warnings.isEmpty { parts.append("Not alike:\n" + warnings.joined(separator: "\n")) }
    parts.append(figures.isEmpty ? "The two runs have no figure in common." : table(figures))
    let changed = values.filter { [.better, .worse].contains($0.verdict) }
    if !changed.isEmpty {
      parts.append(
        "Contestants' own values beyond noise; where peers changed alike, it was the machine:\n"
          + table(changed))
    }
    for (names, run) in [(onlySaved, "the saved run"), (onlyNow, "this run")] where !names.isEmpty {
      parts.append("Only in \(run):\n" + names.joined(separator: "\n"))
    }
    let worse = figures.count { $0.verdict == .worse }
    parts.append(
      worse == 0
        ? "No figure became worse beyond noise."
        : "\(worse) figure(s) became worse beyond noise.")
    return parts.joined(separator: "\n\n")
  }
}
