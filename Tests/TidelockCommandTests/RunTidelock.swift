import Foundation

/// What a run of the program printed and how it ended.
struct Finished {
  let status: Int
  let output: String
  let errors: String
}

/// Runs the program that was built along with the tests.
func tidelock(_ arguments: String...) throws -> Finished { try tidelock(arguments) }

/// Runs the program and calls `watching` for what it prints.
func tidelock(
  _ arguments: String..., watching: @escaping (Process, String) -> Void
) throws -> Finished {
  try tidelock(arguments, watching: watching)
}

/// Runs the program that was built along with the tests, and calls `watching` for what it prints.
func tidelock(
  _ arguments: [String], environment: [String: String] = [:],
  watching: ((Process, String) -> Void)? = nil
) throws -> Finished {
  let process = Process()
  process.executableURL = Bundle.main.bundleURL.appendingPathComponent("tidelock")
  process.arguments = arguments
  process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
  let output = Pipe()
  let errors = Pipe()
  process.standardOutput = output
  process.standardError = errors
  process.standardInput = FileHandle.nullDevice
  try process.run()
  var printed = Data()
  while true {
    let data = output.fileHandleForReading.availableData
    guard !data.isEmpty else { break }
    printed += data
    watching?(process, String(decoding: data, as: UTF8.self))
  }
  // One line at most, which a pipe holds.
  let failed = try errors.fileHandleForReading.readToEnd() ?? Data()
  process.waitUntilExit()
  return Finished(
    status: Int(process.terminationStatus), output: String(decoding: printed, as: UTF8.self),
    errors: String(decoding: failed, as: UTF8.self))
}
