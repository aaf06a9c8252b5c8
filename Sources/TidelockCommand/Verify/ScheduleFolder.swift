import Foundation
import ModelChecker
import ProtocolModels

/// The folder that schedules are written to.
struct ScheduleFolder: Sendable {
  let path: String
  /// Whether expected failures are written, too.
  let writesExpected: Bool

  init(_ path: String, writesExpected: Bool) {
    self.path = path
    self.writesExpected = writesExpected
  }

  /// Creates the folder if there is none.
  func prepare() throws(OutputError) {
    do {
      try FileManager.default.createDirectory(
        at: URL(fileURLWithPath: path), withIntermediateDirectories: true)
    } catch {
      throw OutputError("The folder '\(path)'", error)
    }
  }

  /// Writes a failure of a check and returns the path of its file.
  func write(_ failure: Failure, of check: Check) throws(OutputError) -> String {
    try prepare()
    let schedule = SavedSchedule(failure, of: check)
    let file = path.hasSuffix("/") ? path + schedule.fileName : "\(path)/\(schedule.fileName)"
    do {
      try schedule.json().write(to: URL(fileURLWithPath: file))
    } catch {
      throw OutputError("The schedule '\(file)'", error)
    }
    return file
  }
}
