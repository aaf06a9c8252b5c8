import ArgumentParser
import ModelChecker
import ProtocolModels
import Runs

/// `tidelock verify`: the shipped locks and switches, in all schedules of small models.
struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Run the shipped locks and switches through every schedule of small models.",
    discussion: """
      Without a name, runs all checks. Each failure is written as a schedule that `tidelock replay` \
      shows step by step.
      """)

  @Argument(help: "Which checks, by name, beginning of a name, or group.")
  var names: [String] = []

  @Option(help: ArgumentHelp("Only models in which this many CPUs take locks.", valueName: "n"))
  var cpus: Int?

  @Flag(help: "Only checks that do not take long.")
  var quick = false

  @Flag(help: "List the checks and their bounds, and run none.")
  var list = false

  @OptionGroup var faces: Faces

  @Option(
    help: ArgumentHelp("Where to write the schedules of failures.", valueName: "folder"))
  var output = "tidelock-schedules"

  @Flag(help: "Also write schedules of expected failures: of mutants and wrong mixtures.")
  var allSchedules = false

  @Option(
    help: ArgumentHelp(
      "How many checks to run at a time; one per CPU unless given.", valueName: "n"))
  var jobs = Machine.current.cpus

  @Option(help: ArgumentHelp("Cut each check after this time.", valueName: "s"))
  var seconds = 3600.0

  @Option(help: ArgumentHelp("Only schedules with at most this many preemptions.", valueName: "n"))
  var preemptions: Int?

  @Option(help: ArgumentHelp("Only this many random schedules of each model.", valueName: "n"))
  var random: Int?

  @Option(
    help: ArgumentHelp(
      "The seed of random schedules: the same seed gives the same schedules.", valueName: "n"))
  var seed: UInt64 = 1

  private var search: Search {
    if let preemptions { return .preemptions(preemptions) }
    if let random { return .random(schedules: random, seed: seed) }
    return .exhaustive
  }

  func validate() throws {
    guard preemptions == nil || random == nil else {
      throw ValidationError("--preemptions and --random are two ways to search; choose one.")
    }
    try check("--preemptions", preemptions, 0...100)
    try check("--random", random, 1...1_000_000_000)
    try check("--cpus", cpus, 1...8)
    try check("--jobs", jobs, 1...256)
    guard seconds > 0, seconds <= 86_400 else {
      throw ValidationError("--seconds must be more than 0 and at most 86400.")
    }
  }

  func run() throws {
    // First, everything that can fail before the run.
    let checks = try CheckSelection(names: names, cpus: cpus, isQuick: quick).checks()
    if list { return try CheckList(checks).show(json: faces.json) }
    try OptimizedBuild.require(for: "verify")
    try faces.check()
    let folder = ScheduleFolder(output, writesExpected: allSchedules)
    if allSchedules { try folder.prepare() }

    let run = VerifyRun(checks, search, jobs: jobs, seconds: seconds, folder)
    let display = RunDisplay(json: faces.json)
    try faces.show(run.execute(display), on: display)
  }
}

/// What explorations need: without optimization, equal states look different and stacks are large.
enum OptimizedBuild {
  struct Missing: Error, CustomStringConvertible {
    let command: String

    var description: String {
      "`tidelock \(command)` needs an optimized build; use"
        + " `swift run -c release tidelock \(command)`."
    }
  }

  static func require(for command: String) throws(Missing) {
    #if DEBUG
      throw Missing(command: command)
    #endif
  }
}
