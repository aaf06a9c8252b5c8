import ArgumentParser
import Foundation

/// `tidelock guest start`: loads the module as /etc/tidelock.conf wants it; what the unit runs.
struct GuestStartCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "start",
    abstract: "Load the module with a fresh site table, as /etc/tidelock.conf wants it.",
    discussion: """
      Makes the table from the boot image of the running kernel each time, so that it is never stale. \
      Where the module is loaded already, only the configuration is applied. A refusal changes nothing \
      and is exit status 1.
      """
  )

  func run() async throws {
    let configuration = try OperatorConfiguration(path: OperatorConfiguration.path)
    var loader = ModuleLoader()
    print(try await loader.start(configuration))
  }
}

/// `tidelock guest stop`: puts the boot set back and removes the module.
struct GuestStopCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stop",
    abstract: "Switch back to the set that the kernel booted with, and remove the module."
  )

  func run() async throws {
    let loader = ModuleLoader()
    print(try await loader.stop())
  }
}
