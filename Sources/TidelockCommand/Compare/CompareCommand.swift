import ArgumentParser
import Foundation
import GuestTestBed
import LockSwitching
import Runs
import Synchronization
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

  @Flag(help: "Print one JSON object and nothing else.")
  var json = false

  @Option(help: ArgumentHelp("Write a page with tables and plots.", valueName: "file.html"))
  var report: String?

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
    if let seconds, !(1...86_400 ~= seconds) {
      throw ValidationError("--seconds must be between 1 and 86400.")
    }
    if guest, seconds != nil || threads != nil {
      throw ValidationError(
        "--seconds and --threads are not for --guest; use --switches and --vcpus.")
    }
    if !guest, vcpus != nil || kernel != nil {
      throw ValidationError("--vcpus and --kernel are for --guest only.")
    }
    if let vcpus, !(2...64 ~= vcpus) {
      throw ValidationError("--vcpus must be between 2 and 64.")
    }
    if let switches {
      guard 2...1_000_000 ~= switches else {
        throw ValidationError("--switches must be between 2 and 1000000.")
      }
    }
    if let threads {
      guard 2...4096 ~= threads else {
        throw ValidationError("--threads must be between 2 and 4096.")
      }
    }
    if let timeLimit, !(0.001...3600 ~= timeLimit) {
      throw ValidationError("--time-limit must be between 0.001 and 3600.")
    }
  }

  func run() throws {
    // First everything that can go wrong without a run.
    if let report { try ReportFile.check(report) }
    let (comparison, signal) = try guest ? compareInGuests() : compareInThreads()
    if let report {
      try ReportFile.write(comparison.page.html(), to: report)
      if !json { Terminal(.standardOutput).write("The report is in \(report).\n") }
    }
    if let failure = comparison.failure { throw Failure(description: failure) }
    // The verdict has been printed, as it is for a run that holds.
    if !comparison.isVerified { throw ExitCode.failure }
    if let signal { throw ExitCode(128 + signal) }
  }

  private func compareInThreads() throws -> (Comparison, CInt?) {
    let cpus = Machine.current.cpus
    let plan = ComparePlan(
      contestants: contestants,
      loads: [
        .init(name: "CPUs to spare", threads: ComparePlan.spareThreads(cpus: cpus)),
        .init(name: "oversubscribed", threads: threads ?? 8 * cpus),
      ], cpus: cpus, switches: switches, seconds: seconds ?? 60,
      timeLimit: .seconds(timeLimit ?? 5))
    var display = CompareDisplay(json: json, plan: plan)
    let (comparison, signal) = CompareRun(plan).execute(display: &display)
    if json { try StandardOutput.write(comparison.json()) } else { display.end(comparison) }
    return (comparison, signal)
  }

  private func compareInGuests() throws -> (Comparison, CInt?) {
    let kernel = try GuestKernel(kernel ?? "6.1")
    let display = GuestCompareDisplay(json: json)
    let run = GuestCompareRun(
      kernel: kernel, contestants: contestants, vcpus: vcpus ?? 8, cpus: Machine.current.cpus,
      switches: switches ?? 10, timeLimit: .seconds(timeLimit ?? 60), display: display)
    let (comparison, signal) = try wait {
      try await watchGuest(display) { try await run.execute() }
    }
    if json { try StandardOutput.write(comparison.json()) } else { display.end(comparison) }
    return (comparison, signal)
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

  private struct Failure: Error, CustomStringConvertible {
    let description: String
  }
}

/// Runs asynchronous work and waits for it.
///
/// The command itself must not be asynchronous: that would run it on a thread of the runtime's pool,
/// and those block every signal by which stop-machine could gather them.
private func wait<Value: Sendable>(
  for work: @escaping @Sendable () async throws -> Value
) throws -> Value {
  let result = Synchronization.Mutex<Result<Value, any Error>?>(nil)
  let done = DispatchSemaphore(value: 0)
  Task {
    let end: Result<Value, any Error>
    do { end = .success(try await work()) } catch { end = .failure(error) }
    result.withLock { $0 = end }
    done.signal()
  }
  while true {
    done.wait()
    if let end = result.withLock({ $0 }) { return try end.get() }
  }
}
