import ArgumentParser
import Runs
import Tidelock

/// `tidelock demo`: counts words under Tidelock's locks and switches these while it does.
struct DemoCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo",
    abstract: "Counts the words of text with many threads and switches their locks live.",
    discussion: """
      Without a file or folder, counts what the machine has of text: its licences and \
      documentation, else what is in the current folder.
      """)

  @Argument(help: "Plain text files, or folders that hold some.")
  var paths: [String] = []

  @OptionGroup var faces: Faces

  @Option(help: ArgumentHelp("How long the whole run takes.", valueName: "s"))
  var seconds = 15.0

  @Option(help: ArgumentHelp("Threads for each CPU when oversubscribed.", valueName: "n"))
  var threadsPerCpu = 8

  @Option(
    name: .customLong("protocol"),
    help: "How the locks are switched: staged, or by a published protocol.")
  var switchProtocol = SwitchProtocol.staged

  @Option(help: "How staged changes code: with one store, or with a breakpoint.")
  var poke = Poke.store

  @Option(
    help: "Nobody switches but a policy, which follows the load: auto.")
  var policy: PolicyChoice?

  enum PolicyChoice: String, ExpressibleByArgument, CaseIterable { case auto }

  enum Poke: String, ExpressibleByArgument, CaseIterable {
    case store, breakpoint

    var method: PokeMethod { self == .store ? .store : .breakpoint }
  }

  func validate() throws {
    try check("--seconds", seconds, 0.5...86_400)
    try check("--threads-per-cpu", threadsPerCpu, 2...256)
    guard poke == .store || switchProtocol == .staged else {
      throw ValidationError("--poke is for staged; \(switchProtocol) puts breakpoints.")
    }
    guard policy == nil || switchProtocol == .staged && poke == .store else {
      throw ValidationError("--policy switches by the staged protocol and with a store.")
    }
  }

  func run() throws {
    // First everything that can go wrong without a run.
    try faces.check()
    let text = try paths.isEmpty ? TextReader.readUsual() : TextReader.read(paths)
    let counter = WordCounter(text)

    let cpus = Machine.current.cpus
    let plan =
      policy == nil
      ? DemoPlan(
        cpus: cpus, threadsPerCPU: threadsPerCpu, seconds: seconds,
        protocol: switchProtocol, poke: poke.method)
      : DemoPlan(followingLoadOn: cpus, threadsPerCPU: threadsPerCpu, seconds: seconds)
    let display = RunDisplay(json: faces.json)
    try faces.show(DemoRun(plan, counter).execute(display), on: display)
  }
}
