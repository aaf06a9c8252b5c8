import ArgumentParser

/// `tidelock policy ...`: when to switch, tried on the past.
struct PolicyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "policy",
    abstract: "Record what a system goes through, and simulate when the policy would switch.",
    subcommands: [
      PolicySimulateCommand.self,
      PolicyRecordCommand.self,
    ]
  )
}
