import ArgumentParser
import Runs
import Tidelock

/// `tidelock demo`: counts words under Tidelock's locks and switches the locks meanwhile.
struct DemoCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo",
    abstract: "Count the words of text with many threads, and switch their locks live.",
    discussion: """
      Without a file or folder, counts the text that the machine has: its licences and \
      documentation, or else what is in the current folder.
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
    help: "The protocol by which the locks are switched; staged unless given.")
  private var namedProtocol: SwitchProtocol?
  // As a default of the option itself help would show its raw value, a number.
  private var switchProtocol: SwitchProtocol { namedProtocol ?? .staged }

  @Option(help: "How staged changes code: with one store, or with a breakpoint.")
  var poke = Poke.store

  @Option(
    help: "auto: only a policy switches, and follows the load.")
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
    // First, everything that can fail before the run.
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
