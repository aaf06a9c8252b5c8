import Runs

extension Comparison {
  /// Two for each load: how long switches take, and what they do to other threads.
  func tables(width: Int) -> [RunTable] { loads.flatMap { [switchTable($0), effectTable($0)] } }

  private func switchTable(_ load: Load) -> RunTable {
    RunTable(
      "What a switch takes, \(title(load))",
      columns: [
        .words("protocol"), .numbers("switches"), .numbers("undone"), .numbers("median"),
        .numbers("p99"), .numbers("longest"), .numbers("breakpoints each"),
      ],
      rows: load.rows.map { row in
        // None was done, so none took any time.
        let took = row.switches == row.undone ? nil : row.took
        let times = [took?.median, took?.p99, took?.maximum].map {
          Quantity.duration(microseconds: $0 ?? .nan)
        }
        return [row.name, Quantity.exact(row.switches), Quantity.exact(row.undone)] + times + [
          Quantity.count(row.breakpointsPerSwitch)
        ]
      })
  }

  private func effectTable(_ load: Load) -> RunTable {
    RunTable(
      "How long a switch holds a \(runner.rawValue) up, \(title(load))",
      columns: [
        .words("protocol"), .numbers("median gap"), .numbers("without"), .numbers("p99 gap"),
        .numbers("without"), .numbers("added"), .numbers("longest gap"), .numbers("without"),
        .numbers("throughput lost"),
      ],
      rows: load.rows.map { row in
        [
          row.name, Quantity.duration(microseconds: row.gap.median),
          Quantity.duration(microseconds: row.quietGap.median),
          Quantity.duration(microseconds: row.gap.p99),
          Quantity.duration(microseconds: row.quietGap.p99),
          Quantity.duration(microseconds: row.addedGap),
          Quantity.duration(microseconds: row.gap.maximum),
          Quantity.duration(microseconds: row.quietGap.maximum),
          Quantity.percent(row.lost, decimals: 0),
        ]
      })
  }

  private func title(_ load: Load) -> String {
    "\(load.name): \(Quantity.exact(load.runners, runner.rawValue)) on \(Quantity.exact(load.cpus, "CPU"))"
  }

  var holds: Bool { isVerified }
  var sentences: [String] { findings + [verdict] }

  /// What the figures say about the protocols, load by load.
  private var findings: [String] {
    loads.compactMap { load in
      guard let staged = load.rows.first(where: { $0.protocol == "staged" }) else { return nil }
      let others = load.rows.filter { $0.protocol != "staged" }.map { row in
        "\(row.name) adds \(Quantity.duration(microseconds: row.addedGap)) and has"
          + " \(Quantity.count(row.breakpointsPerSwitch)) breakpoints a switch,"
          + " \(Quantity.exact(row.undone)) of \(Quantity.exact(row.switches)) undone"
      }
      return
        "\(title(load)): staged adds \(Quantity.duration(microseconds: staged.addedGap)) to the p99"
        + " gap and has \(Quantity.count(staged.breakpointsPerSwitch)) breakpoints a switch,"
        + " \(Quantity.exact(staged.undone)) of \(Quantity.exact(staged.switches)) undone"
        + others.map { "; " + $0 }.joined() + "."
    } + [whereStoppingIsWorst].compactMap { $0 }
  }

  /// Whether stopping all CPUs costs most where there are too few of them, as its critics say.
  private var whereStoppingIsWorst: String? {
    func added(_ isOversubscribed: Bool) -> Double? {
      loads.first { $0.isOversubscribed == isOversubscribed }?.rows
        .first { $0.protocol == "stop-machine" }?.addedGap
    }
    guard let spare = added(false), let oversubscribed = added(true) else { return nil }
    let verb = oversubscribed > spare ? "is" : "is not"
    return
      "stop-machine \(verb) worst where CPUs are oversubscribed: it adds"
      + " \(Quantity.duration(microseconds: oversubscribed)) to the p99 gap there and"
      + " \(Quantity.duration(microseconds: spare)) with CPUs to spare."
  }

  /// Whether the locks did their work, as a sentence.
  private var verdict: String {
    switch (runner, isVerified) {
    case (.thread, true):
      "Verified: every lock's generator is where the sections that each thread counted for itself"
        + " lead it; nothing was lost."
    case (.thread, false):
      "Not verified: a lock's generator is not where the sections that each thread counted for"
        + " itself lead it; updates were lost."
    case (.vCPU, true):
      "Verified: no two sections of a lock met in any guest, and its text was as before in the end."
    case (.vCPU, false):
      "Not verified: two sections of a lock met in a guest, or its text was not as before in the end."
    }
  }

  /// The comparison as a page.
  var page: RunPage {
    RunPage(
      title: "Tidelock: three ways to switch, side by side",
      summary: """
        The same load switches back and forth by each protocol in turn. Every \(runner.rawValue) \
        timestamps each of its steps; a gap is the time between two. For each \(runner.rawValue) and each \
        switch you see the longest gap from the beginning of the switch on, beside that of equally long \
        windows without a switch: too many \(runner.rawValue)s on too few CPUs have gaps of their own.
        """,
      verdict: .init(verdict, holds: isVerified && failure == nil),
      spreads: loads.flatMap { load in
        [
          SpreadPlot(
            title: "Longest gap, \(title(load))",
            groups: load.rows.map { row in
              .init(
                row.name,
                [.init("switching", row.gap), .init("without", row.quietGap, isFaint: true)])
            }),
          SpreadPlot(
            title: "Time of a switch, \(title(load))",
            groups: load.rows.map { .init($0.name, [.init("switch", $0.took)]) }),
        ]
      },
      tables: tables(width: .max), facts: findings.map { .init("found", $0) },
      end: end("after all rounds"))
  }
}
