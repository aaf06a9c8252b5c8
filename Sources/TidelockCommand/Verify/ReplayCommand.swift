import ArgumentParser
import ELFReader
import Foundation
import ModelChecker
import ProtocolModels
import Runs

/// `tidelock replay FILE`: a failing schedule, step by step.
struct ReplayCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "replay",
    abstract: "Show a failing schedule of `tidelock verify` step by step.",
    discussion: """
      Each line is one access: the action of the schedule that it belongs to, the CPU and its context, \
      what the CPU does to which word, what the word held before and holds afterwards, and the source \
      line. Words and bytes of code are hexadecimal.
      """)

  @Argument(help: "A schedule that `tidelock verify` has written.", completion: .file())
  var file: String

  @Flag(help: "Print one JSON object and nothing else.")
  var json = false

  func run() throws {
    let schedule = try SavedSchedule(InputFile.read(file))
    let check = try schedule.findCheck()
    // A cycle must lead back to the same state.
    if schedule.cycle != nil { try OptimizedBuild.require(for: "replay") }
    var events: [Event] = []
    let flaw = try schedule.replay(on: check.model) { events.append($0) }
    let report = ReplayReport(
      schedule: schedule, check: check, events: events,
      lines: SourceLines(of: Set(events.map(\.site))), verdict: flaw)
    try Output.standard.write(json ? jsonText(report.json) : report.text())
    if let difference = report.difference { throw difference }
  }
}

/// A file that a command is given.
enum InputFile {
  /// More than any schedule.
  private static let limit = 16 << 20

  static func read(_ path: String) throws(InputError) -> Data {
    do {
      let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
      let data = try handle.read(upToCount: limit + 1) ?? Data()
      guard data.count <= limit else {
        throw InputError(description: "'\(path)' is larger than any schedule; name one.")
      }
      return data
    } catch let error as InputError {
      throw error
    } catch {
      throw InputError(
        description: "'\(path)' cannot be read (\(systemReason(of: error))); name a schedule that"
          + " `tidelock verify` has written.")
    }
  }
}

/// A file that cannot be read.
struct InputError: Error, CustomStringConvertible {
  let description: String
}
