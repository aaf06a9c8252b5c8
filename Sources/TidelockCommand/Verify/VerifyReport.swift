import ProtocolModels
import Runs

extension VerifyOutcome {
  var pipeWidth: Int { 240 }

  /// The table with the bounds if there is room, else without; `--list` shows them too.
  func tables(width: Int) -> [RunTable] {
    let whole = table("Checks", results)
    let isWide = whole.text().split(separator: "\n").contains { $0.count > width }
    return [isWide ? table("Checks", results, bounds: false) : whole]
  }

  private func table(_ title: String, _ results: [CheckResult], bounds: Bool = true) -> RunTable {
    RunTable(
      title,
      columns: [.words("model")] + (bounds ? [.words("bounds")] : []) + [
        .numbers("states"), .numbers("time"), .words("explored"), .words("verdict"),
      ],
      rows: results.map { result in
        let exploration = result.exploration
        return [result.check.id] + (bounds ? [result.check.bounds] : []) + [
          Quantity.exact(exploration.states),
          Quantity.duration(microseconds: exploration.seconds * 1e6), result.extent,
          result.verdict,
        ]
      })
  }

  /// The findings in words.
  var sentences: [String] { schedules + [total, verdict] }

  private var schedules: [String] {
    unexpected.compactMap { result in
      result.schedule.map { "A schedule of \(result.check.id): tidelock replay \($0)" }
    }
  }

  private var total: String {
    "\(Quantity.exact(states, "state")) by \(Quantity.exact(steps, "step")) in"
      + " \(Quantity.duration(microseconds: seconds * 1e6)), \(jobs) at a time;"
      + " \(Quantity.count(stepsPerSecondAndCore)) steps per second and core."
  }

  private var verdict: String {
    let holding = results.count { $0.isAsExpected && $0.check.expectation == .holds }
    let failing = results.count { $0.isAsExpected && $0.check.expectation == .fails }
    let expected =
      "\(Quantity.exact(holding)) hold in \(extent), \(Quantity.exact(failing)) that must fail do"
    if !unexpected.isEmpty {
      return "Not verified: \(Quantity.exact(unexpected.count, "check")) of"
        + " \(Quantity.exact(results.count)) did not come out as expected ("
        + unexpected.map(\.check.id).joined(separator: ", ") + "); \(expected)."
    }
    if results.count < wanted {
      return "Not all verified: \(Quantity.exact(wanted - results.count, "check")) of"
        + " \(Quantity.exact(wanted)) were not finished; of the others \(expected)."
    }
    let word = search == .exhaustive ? "Verified" : "No surprise"
    return word + ": all \(Quantity.exact(results.count, "check")) came out as expected;"
      + " \(expected)."
  }

  /// Which schedules were explored.
  private var extent: String {
    switch search {
    case .exhaustive: "every schedule"
    case .preemptions(let number):
      "every schedule of at most \(Quantity.exact(number, "preemption"))"
    case .random(let schedules, let seed):
      "\(Quantity.exact(schedules, "random schedule")) of seed \(seed)"
    }
  }

  /// The run as a page.
  var page: RunPage {
    RunPage(
      title: "Tidelock: the shipped locks and switches under a model checker",
      summary: """
        Small models run the shipped code in every schedule of their CPUs, store buffers and \
        interrupts. Wrong mixtures and code that was broken on purpose must fail.
        """,
      verdict: .init(verdict, holds: isAsExpected),
      tables: Check.Group.allCases.map { group in
        table(group.rawValue, results.filter { $0.check.group == group })
      }, facts: [.init("total", total)], end: end("after all checks"))
  }
}
