import ArgumentParser
import Runs

/// In which ways a command says what its run came to.
struct Faces: ParsableArguments {
  @Flag(help: "Print one JSON object and nothing else.")
  var json = false

  @Option(help: ArgumentHelp("Write a page with the results, too.", valueName: "file.html"))
  var report: String?

  /// Tries to open the report, so that no run is lost for want of a place.
  func check() throws(OutputError) {
    if let report { try Output.check(report, as: "The report") }
  }

  /// Shows what a run came to in all these ways, and ends the command with the status that belongs to it.
  func show(_ outcome: some RunOutcome, on display: RunDisplay) throws {
    if json { try Output.standard.write(jsonText(outcome.json)) } else { display.end(outcome) }
    if let report {
      try Output(report, as: "The report").write(outcome.page.html())
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
