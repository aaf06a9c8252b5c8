import ArgumentParser
import GuestTestBed
import LockSwitching
import Runs
import Tidelock

/// `tidelock compare`: switches back and forth under one load by each protocol in turn.
struct CompareCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Measures the three ways to switch against each other, under the same load.",
    discussion: """
      Threads take locks and watch their own progress; each protocol in turn switches native to \
      paravirtual and back, over and over: first with CPUs to spare, then with more threads than \
      CPUs. Shown is what a switch takes, how long it holds threads up beside what the load does by \
      itself, and what it costs in throughput. With --guest the same in Linux guests, whose vCPUs \
      do it.
      """)

  @Flag(help: "Compare in Linux guests instead of threads of this program.")
  var guest = false

  @Option(
    help: ArgumentHelp("How long the whole run takes; 60 if not given.", valueName: "s"))
  var seconds: Double?

  @Option(
    help: ArgumentHelp(
      "How many switches each protocol makes under each load, however long that takes; with --guest"
        + " 10 if not given.", valueName: "n"))
  var switches: Int?

  @Option(
    help: ArgumentHelp(
      "With --guest: how many virtual CPUs when oversubscribed; 8 if not given.", valueName: "n"))
  var vcpus: Int?

  @Option(
    help: ArgumentHelp(
      "With --guest: a series such as 6.1, or a whole release; 6.1 if not given.",
      valueName: "version"))
  var kernel: String?

  @Option(
    help: ArgumentHelp(
      "How many threads when oversubscribed; eight for each CPU if not given.", valueName: "n"))
  var threads: Int?

  @Option(
    name: .customLong("protocol"),
    help: ArgumentHelp("Only this one; may be given more than once.", valueName: "protocol"))
  var protocols: [SwitchProtocol] = []

  @Option(help: "What barrier counts: each has a row of its own.")
  var accounting = AccountingChoice.both

  @Option(help: "Whether stop-machine lets signals through to the threads it holds.")
  var stopMode = StopModeChoice.task

  @Option(
    help: ArgumentHelp(
      "After how long a switch is undone; 5, with --guest 60, if not given.", valueName: "s"))
  var timeLimit: Double?

  @OptionGroup var faces: Faces

  enum AccountingChoice: String, ExpressibleByArgument, CaseIterable {
    case untilUnlock = "until-unlock"
    case slowPathOnly = "slow-path-only"
    case both

    var all: [Accounting] {
      switch self {
      case .untilUnlock: [.untilUnlock]
      case .slowPathOnly: [.slowPathOnly]
      case .both: [.untilUnlock, .slowPathOnly]
      }
    }
  }

  enum StopModeChoice: String, ExpressibleByArgument, CaseIterable {
    case task, nmi

    var mode: StopMode { self == .task ? .task : .nmi }
  }

  func validate() throws {
    try check("--seconds", seconds, 1...86_400)
    if guest, seconds != nil || threads != nil {
      throw ValidationError(
        "--seconds and --threads are not for --guest; use --switches and --vcpus.")
    }
    if !guest, vcpus != nil || kernel != nil {
      throw ValidationError("--vcpus and --kernel are for --guest only.")
    }
    try check("--vcpus", vcpus, 2...64)
    try check("--switches", switches, 2...1_000_000)
    try check("--threads", threads, 2...4096)
    try check("--time-limit", timeLimit, 0.001...3600)
  }

  func run() throws {
    // First everything that can go wrong without a run.
    try faces.check()
    let display = RunDisplay(json: faces.json)
    try faces.show(
      guest ? compareInGuests(display) : compareInThreads(display), on: display)
  }

  private func compareInThreads(_ display: RunDisplay) -> Comparison {
    let cpus = Machine.current.cpus
    return CompareRun(
      ComparePlan(
        contestants: contestants,
        loads: [
          .init(name: "CPUs to spare", threads: ComparePlan.spareThreads(cpus: cpus)),
          .init(name: "oversubscribed", threads: threads ?? 8 * cpus),
        ], cpus: cpus, switches: switches, seconds: seconds ?? 60,
        timeLimit: .seconds(timeLimit ?? 5))
    ).execute(display)
  }

  private func compareInGuests(_ display: RunDisplay) throws -> Comparison {
    let run = GuestCompareRun(
      kernel: try GuestKernel(kernel ?? "6.1"), contestants: contestants, vcpus: vcpus ?? 8,
      cpus: Machine.current.cpus, switches: switches ?? 10, timeLimit: .seconds(timeLimit ?? 60),
      display: display)
    var (comparison, signal) = try watchGuest(display) { try await run.execute() }
    comparison.signal = signal
    return comparison
  }

  private var contestants: [ComparePlan.Contestant] {
    let wanted = protocols.isEmpty ? SwitchProtocol.allCases : protocols
    return SwitchProtocol.allCases.filter(wanted.contains).flatMap { chosen in
      switch chosen {
      case .staged:
        [ComparePlan.Contestant(protocol: chosen, options: SwitchOptions(), option: nil)]
      case .stopMachine:
        [
          ComparePlan.Contestant(
            protocol: chosen, options: SwitchOptions(stopMode: stopMode.mode),
            option: stopMode == .nmi ? (guest ? "in an NMI" : "signals blocked") : nil)
        ]
      case .barrier:
        accounting.all.map {
          ComparePlan.Contestant(
            protocol: chosen, options: SwitchOptions(accounting: $0), option: $0.rowName)
        }
      }
    }
  }
}
