import ArgumentParser
import Foundation
import Runs

/// In which ways a command says what its run came to.
struct Faces: ParsableArguments {
  @Flag(help: "Print one JSON object and nothing else.")
  var json = false

  @Option(help: ArgumentHelp("Write a page with the results, too.", valueName: "file.html"))
  var report: String?

  /// Tries to open the report, so that no run is lost for want of a place.
  func check() throws(OutputError) {
    if let report { try ReportFile.check(report) }
  }

  /// Shows what a run came to in all these ways, and ends the command with the status that belongs to it.
  func show(_ outcome: some RunOutcome, on display: RunDisplay) throws {
    if json { try StandardOutput.write(jsonText(outcome.json)) } else { display.end(outcome) }
    if let report {
      try ReportFile.write(outcome.page.html(), to: report)
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

/// What a command was to write cannot be written.
public struct OutputError: Error, CustomStringConvertible {
  let place: String
  let reason: String

  /// What cannot be written, why, and what can be.
  public var description: String {
    "\(place) cannot be written (\(reason)); name a file in a folder that this user may write to,"
      + " on a disk with room."
  }

  private init(_ place: String, reason: String) {
    self.place = place
    self.reason = reason
  }

  init(_ place: String, code: CInt) {
    // SAFETY: strerror returns a C string that is valid until this thread calls it again.
    self.init(place, reason: unsafe String(cString: strerror(code)))
  }

  init(_ place: String, _ error: any Error) {
    // Foundation wraps what the system said in a sentence of its own.
    let system = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
    if let system, system.domain == NSPOSIXErrorDomain {
      self.init(place, code: CInt(system.code))
    } else {
      self.init(place, reason: error.localizedDescription)
    }
  }
}

/// The file that `--report` names.
enum ReportFile {
  /// Tries to open the file, changing nothing.
  static func check(_ path: String) throws(OutputError) {
    // SAFETY, here and below: the path is a C string for the time of the call.
    let existed = unsafe faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0
    // Not truncated: the report before stays until there is a new one.
    let file = unsafe open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o666)
    guard file >= 0 else { throw OutputError("The report '\(path)'", code: errno) }
    close(file)
    if !existed { unsafe unlink(path) }
  }

  static func write(_ text: String, to path: String) throws(OutputError) {
    do {
      try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    } catch {
      throw OutputError("The report '\(path)'", error)
    }
  }
}

/// The one object that `--json` prints.
enum StandardOutput {
  static func write(_ text: String) throws(OutputError) {
    do {
      try FileHandle.standardOutput.write(contentsOf: Data((text + "\n").utf8))
    } catch {
      throw OutputError("Standard output", error)
    }
  }
}
