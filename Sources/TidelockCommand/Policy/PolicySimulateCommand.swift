import ArgumentParser
import LockPlatform
import LockSwitching
import PolicySimulation
import Runs
import SwitchPolicy

/// `tidelock policy simulate`: what the policy would have done on recorded traces.
struct PolicySimulateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "simulate",
    abstract: "Show when the policy would have switched, and how good that would have been.",
    discussion: """
      The losses come from the policy's table of estimates, in which stolen time counts as lost \
      whatever set is in force. The best possible loss is that of a choice that knows the whole trace in \
      advance.
      """)

  @Argument(
    help: "Traces, as `tidelock policy record` writes them.", completion: .file())
  var traces: [String]

  @Option(
    help: ArgumentHelp(
      "The set at the start: native, paravirtual or test-and-set.", valueName: "set"))
  var start = "native"

  @Flag(help: "Let the policy choose test-and-set, too.")
  var testAndSet = false

  @OptionGroup var faces: Faces

  private var startSet: LockSet? {
    Simulation.sets.first { $0.name.description == start }
  }

  func validate() throws {
    guard startSet != nil else {
      throw ValidationError("--start must be native, paravirtual or test-and-set.")
    }
    guard !traces.isEmpty else { throw ValidationError("Name one trace at least.") }
  }

  func run() throws {
    let read = try traces.map { (path: $0, trace: try Trace(path: $0)) }
    try faces.check()
    let results = read.map { path, trace in
      var settings = trace.settings
      if testAndSet { settings.candidates = .all }
      return PolicySimulationReport.Result(
        file: path, trace: trace,
        run: Simulation(trace.samples, startingIn: startSet ?? .native, settings))
    }
    try faces.show(
      PolicySimulationReport(results: results), on: RunDisplay(json: faces.json))
  }
}
