import ArgumentParser
import Runs

/// How a command presents the outcome of its run.
struct Faces: ParsableArguments {
  @Flag(help: "Print one JSON object and nothing else.")
  var json = false

  @Option(help: ArgumentHelp("Also write the results to an HTML page.", valueName: "file.html"))
  var report: String?

  /// Tries to open the report, so that no run is lost because it cannot be written.
  func check() throws(OutputError) {
    if let report { try Output.check(report, as: "The report") }
  }

  /// Presents the outcome, then throws the status that the command must end with.
  func show(_ outcome: some RunOutcome, on display: RunDisplay) throws {
    if json { try Output.standard.write(jsonText(outcome.json)) } else { display.end(outcome) }
    if let report {
      try Output(report, as: "The report").write(outcome.page.html(), terminator: "")
      if !json { display.terminal.write("The report is in \(report).\n") }
    }
    try outcome.exit()
  }
}

/// Refuses an option's value outside of a range.
func check<Value: Comparable>(
  _ option: String, _ value: Value?, _ range: ClosedRange<Value>
) throws(ValidationError) {
  func text(_ bound: Value) -> String {
    let text = "\(bound)"
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }
  if let value, !range.contains(value) {
    throw ValidationError(
      "\(option) must be between \(text(range.lowerBound)) and \(text(range.upperBound)).")
  }
}
