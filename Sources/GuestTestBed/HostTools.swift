import Foundation
import Subprocess

/// Programs of the host that the test bed uses.
enum HostTools {
  /// How a program that is still running is ended: it gets time to end what it has started.
  static var ending: PlatformOptions {
    var options = PlatformOptions()
    options.teardownSequence = [
      .send(signal: .terminate, allowedDurationToNextStep: .seconds(10))
    ]
    return options
  }

  /// Makes sure that programs are there before something is begun that needs them.
  static func require(_ tools: [String]) throws(GuestError) {
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    for tool in tools {
      let isThere = folders.contains {
        FileManager.default.isExecutableFile(atPath: "\($0)/\(tool)")
      }
      if !isThere { throw .noTool(tool) }
    }
  }
}

/// Runs a program of the host to its end and collects what it prints.
func runTool(
  _ tool: String, _ arguments: [String], in folder: URL? = nil, input: String = ""
) async throws(GuestError) -> (succeeded: Bool, output: String) {
  do {
    let ended = try await run(
      tool.contains("/") ? .path(.init(tool)) : .name(tool), arguments: Arguments(arguments),
      workingDirectory: folder.map { .init($0.path) },
      platformOptions: HostTools.ending, input: .string(input),
      output: .string(limit: 1 << 22), error: .combinedWithOutput)
    return (ended.terminationStatus.isSuccess, ended.standardOutput)
  } catch {
    throw .toolFailed(tool: tool, reason: "\(error)")
  }
}
