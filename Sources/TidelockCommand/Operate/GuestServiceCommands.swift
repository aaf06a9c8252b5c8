import ArgumentParser
import Foundation

/// `tidelock guest start`: loads the module and applies /etc/tidelock.conf; the service runs it.
struct GuestStartCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "start",
    abstract: "Load the module with a fresh site table, and apply /etc/tidelock.conf.",
    discussion: """
      Makes the table from the boot image of the running kernel each time, so that it is never stale. \
      If the module is loaded already, only applies the configuration. A refusal changes nothing, and \
      the exit status is 1.
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
