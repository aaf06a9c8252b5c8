import ModelChecker
import ProtocolModels
import Runs

/// What is checked and within which bounds: `tidelock verify --list`.
struct CheckList {
  private let checks: [Check]

  init(_ checks: [Check]) { self.checks = checks }

  func show(json: Bool) throws {
    if json { return try Output.standard.write(jsonText(checks.map(entry))) }
    let table = RunTable(
      "Checks",
      columns: [
        .words("model"), .numbers("CPUs"), .words("memory"), .words("must"), .words("bounds"),
      ],
      rows: checks.map { check in
        [
          check.id, String(check.model.lockers), check.model.program.memoryModel.rawValue,
          check.expectation == .holds ? "hold" : "fail", check.bounds,
        ]
      })
    // The bounds come last: on a narrow terminal they wrap, which is better than a line for each cell.
    try Output.standard.write(
      table.text() + "\n\(Quantity.exact(checks.count, "check"))")
  }

  private func entry(_ check: Check) -> JSONObject {
    [
      "name": check.id, "group": check.group.rawValue, "bounds": check.bounds,
      "cpus": check.model.lockers, "memory_model": check.model.program.memoryModel,
      "expected": check.expectation, "is_long": check.isLong,
    ]
  }
}
