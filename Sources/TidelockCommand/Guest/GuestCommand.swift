import ArgumentParser

/// `tidelock guest ...`: everything for a Linux guest instead of a program.
struct GuestCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "guest",
    abstract: "Switch the spinlocks of a running Linux guest.",
    subcommands: [
      GuestDemoCommand.self,
      GuestLocktortureCommand.self,
      GuestSitesCommand.self,
      GuestDoctorCommand.self,
      GuestStatusCommand.self,
      GuestSetCommand.self,
      GuestVerifyCommand.self,
      GuestMetricsCommand.self,
      GuestStartCommand.self,
      GuestStopCommand.self,
    ]
  )
}
