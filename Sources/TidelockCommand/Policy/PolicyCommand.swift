import ArgumentParser

/// `tidelock policy ...`: when to switch, tried on the past.
struct PolicyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "policy",
    abstract:
      "Record what a system goes through, simulate when the policy would switch, measure what it goes by.",
    subcommands: [
      PolicySimulateCommand.self,
      PolicyRecordCommand.self,
      PolicyEstimateCommand.self,
      CompeteCommand.self,
    ]
  )
}
