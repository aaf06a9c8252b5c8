import ArgumentParser
import GuestTestBed
import LockSwitching
import Runs
import Tidelock

/// `tidelock compare`: switches back and forth under one load by each protocol in turn.
struct CompareCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Compare the three ways to switch, under the same load.",
    discussion: """
      Threads take locks and timestamp their own steps, while each protocol in turn switches from native \
      to paravirtual and back, over and over: first with CPUs to spare, then with more threads than \
      CPUs. You see how long a switch takes, how long it delays threads compared with the load alone, \
      and what it costs in throughput. With --guest, Linux guests do the same, measured on their vCPUs.
      """)

  @Flag(help: "Compare in Linux guests instead of threads of this program.")
  var guest = false

  @Option(
    help: ArgumentHelp("How long the whole run takes (default: 60).", valueName: "s"))
  var seconds: Double?

  @Option(
    help: ArgumentHelp(
      "How many switches each protocol makes under each load, however long that takes (default with"
        + " --guest: 10).", valueName: "n"))
  var switches: Int?

  @Option(
    help: ArgumentHelp(
      "With --guest: how many virtual CPUs when oversubscribed (default: 8).", valueName: "n"))
  var vcpus: Int?

  @Option(
    help: ArgumentHelp(
      "With --guest: a series such as 6.1, or a full release (default: 6.1).",
      valueName: "version"))
  var kernel: String?

  @Option(
    help: ArgumentHelp(
      "How many threads when oversubscribed (default: eight per CPU).", valueName: "n"))
  var threads: Int?

  @Option(
    name: .customLong("protocol"),
    help: ArgumentHelp(
      "Compare only this protocol; may be given more than once.", valueName: "protocol"))
  var protocols: [SwitchProtocol] = []

  @Option(help: "What barrier counts; both gives each a row.")
  var accounting = AccountingChoice.both

  @Option(help: "Whether stop-machine lets signals through to the threads it holds.")
  var stopMode = StopModeChoice.task

  @Option(
    help: ArgumentHelp(
      "After how long a switch is undone (default: 5, with --guest 60).", valueName: "s"))
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
    // First, everything that can fail before the run.
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
