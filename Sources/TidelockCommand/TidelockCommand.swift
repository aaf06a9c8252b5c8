import ArgumentParser
import Foundation

/// The command line: its subcommands, and what its exit statuses mean.
@main
struct TidelockCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tidelock",
    abstract:
      "Switches the spinlock operations of a running system between native and paravirtual.",
    subcommands: [DemoCommand.self])

  /// Exits with 1 after a failure and with 2 after wrong usage, one sentence on standard error.
  static func main() {
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch {
      let status = exitCode(for: error)
      if status.isSuccess {
        // Help and the like come as errors too.
        exit(withError: error)
      }
      let message = message(for: error)
      if !message.isEmpty {
        try? FileHandle.standardError.write(contentsOf: Data("tidelock: \(message)\n".utf8))
      }
      Foundation.exit(status == .validationFailure ? 2 : status.rawValue)
    }
  }
}
