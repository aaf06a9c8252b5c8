import ArgumentParser

/// `tidelock guest set`: the set or policy that an operator wants in the running kernel.
struct GuestSetCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "set",
    abstract: "Switch the running kernel's spinlocks, or hand the choice to the policy.",
    discussion: """
      A set stays pinned until 'auto' or 'hint' is chosen again. Returns once the switch is done; a \
      switch that fails leaves the old set in force.
      """
  )

  /// What can be chosen.
  enum Choice: String, CaseIterable, ExpressibleByArgument {
    case native, paravirtual
    case testAndSet = "test-and-set"
    case auto, hint, off
  }

  @Argument(
    help: """
      native, paravirtual or test-and-set; auto follows steal time, hint the hypervisor's hint, off \
      neither.
      """)
  var choice: Choice

  func run() throws {
    let module = try RunningModule()
    try module.choose(choice.rawValue)
    let set = try module.read("set")
    switch choice {
    case .native, .paravirtual, .testAndSet:
      guard let report = try module.lastSwitch(), report.result == "done" else {
        print("\(set) is in force.")
        return
      }
      print(
        "\(set) is in force: switched in \(Int(report.microseconds)) us, longest stall"
          + " \(Int(report.longestStall)) us.")
    case .auto, .hint, .off: print("The policy is \(choice.rawValue); \(set) is in force.")
    }
  }
}
