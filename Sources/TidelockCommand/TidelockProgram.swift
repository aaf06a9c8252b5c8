import ArgumentParser
import Foundation
import Runs

/// The command-line program: its subcommands, and its exit status.
@main
public struct TidelockProgram: AsyncParsableCommand {
  /// Its name and subcommands.
  public static let configuration = CommandConfiguration(
    commandName: "tidelock",
    abstract:
      "Switch the spinlocks of a running system between native, test-and-set and paravirtual.",
    version: version,
    subcommands: [
      DemoCommand.self,
      CompareCommand.self,
      InspectCommand.self,
      GuestCommand.self,
      VerifyCommand.self,
      ReplayCommand.self,
      PolicyCommand.self,
    ]
  )

  /// The version of everything in this repository: the module, the packages and CHANGELOG say the same.
  public static let version = "1.0.0-rc.1"

  /// No arguments yet, as the parser requires.
  public init() {}

  /// The exit status for arguments that make no sense; ArgumentParser's own would be 64.
  static let wrongUsage: Int32 = 2

  /// Runs the command that the arguments name: status 0 if it did its work, 1 if it failed, and
  /// ``wrongUsage``; what went wrong goes to standard error.
  public static func main() async {
    do {
      var command = try await asyncParseAsRoot()
      if var command = command as? any AsyncParsableCommand {
        try await command.run()
      } else {
        try command.run()
      }
    } catch let status as RunStatus {
      Foundation.exit(status.code)
    } catch  where exitCode(for: error) == .validationFailure {
      FileHandle.standardError.write(Data((fullMessage(for: error) + "\n").utf8))
      Foundation.exit(wrongUsage)
    } catch {
      exit(withError: error)
    }
  }
}
