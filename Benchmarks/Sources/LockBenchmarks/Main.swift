import ArgumentParser
import Foundation
import Runs
import Tidelock

/// The command line.
struct Benchmarks: ParsableCommand {
  /// What can be measured.
  enum Selection: String, ExpressibleByArgument, CaseIterable {
    case uncontended, contended, switches, all
    case importOnly = "import-only"
    case scale

    /// All is what takes minutes, not a quarter of an hour.
    func includes(_ benchmark: Benchmark) -> Bool {
      self == .all && benchmark != .scale || rawValue == benchmark.rawValue
    }
  }

  /// Numbers of threads, with commas between them.
  struct ThreadCounts: ExpressibleByArgument {
    let counts: [Int]

    init?(argument: String) {
      counts = argument.split(separator: ",", omittingEmptySubsequences: false).compactMap {
        Int($0).flatMap { 1...4096 ~= $0 ? $0 : nil }
      }
      guard counts.count == argument.count(where: { $0 == "," }) + 1 else { return nil }
    }
  }

  /// A lock from elsewhere.
  struct Peer: ExpressibleByArgument {
    let name: String
    let file: String

    init?(argument: String) {
      let parts = argument.split(separator: "=", maxSplits: 1)
      guard parts.count == 2, !argument.hasPrefix("=") else { return nil }
      (name, file) = (String(parts[0]), String(parts[1]))
    }
  }

  static let configuration = CommandConfiguration(
    commandName: "benchmarks",
    abstract: "Measures Tidelock's locks and switches side by side with other locks.",
    discussion: """
      Contestants take turns in rounds, in an order that changes. Ratios are formed within a \
      round; shown are medians over rounds of one placement of the CPUs. Ctrl-C prints what there \
      is. Exit status: 1 if a lock lost an update, a thread hung or a file cannot be written, 2 for \
      wrong usage and for a file that is not what it should be, 3 if a figure became worse \
      than in the saved run beyond noise; a figure that is missed is no failure.
      """)

  @Argument(help: "uncontended, contended, switches, import-only or all of these; or scale.")
  var benchmark = Selection.all

  @Flag(help: "Print one JSON object instead of tables.")
  var json = false

  @Option(
    help: ArgumentHelp(
      "Compare with a run saved by --json: what became better or worse beyond noise.",
      valueName: "file"))
  var baseline: String?

  @Option(
    help: ArgumentHelp(
      "Write what was measured into a Markdown page, a section for each benchmark; not if interrupted.",
      valueName: "file"))
  var page: String?

  @Option(
    help: ArgumentHelp(
      "How long one run of one contestant lasts (uncontended: 0.01, contended: 2, scale: 1; 256 threads: 10).",
      valueName: "s"))
  var seconds: Double?

  @Option(
    help: ArgumentHelp(
      "How many rounds (uncontended: 101, contended: 7, switches: 10, others: 5).", valueName: "n"))
  var rounds: Int?

  @Option(
    help: ArgumentHelp(
      "Threads for contended (2 and 8 for each CPU), import-only and scale, as in 1,2,4,8.",
      valueName: "list"))
  var threads: ThreadCounts?

  @Option(help: ArgumentHelp("How many switches by each method.", valueName: "n"))
  var switches = 10_000

  @Option(
    help: ArgumentHelp(
      "A lock from elsewhere for contended and scale (Benchmarks/Peers/README.md); as often as there are.",
      valueName: "name=file.so"))
  var peer: [Peer] = []

  @Option(help: ArgumentHelp("Work inside the lock, in nanoseconds.", valueName: "ns"))
  var inside = 50.0

  @Option(help: ArgumentHelp("Work between two acquisitions, in nanoseconds.", valueName: "ns"))
  var outside = 100.0

  @Flag(
    help: ArgumentHelp(
      "Begin rounds only when other programs leave the CPUs alone, and repeat those they disturb."))
  var quiet = false

  @Option(help: ArgumentHelp("Seed of orders and gaps (random).", valueName: "n"))
  var seed: UInt64?

  func validate() throws {
    func check(_ isGood: Bool, _ message: String) throws {
      guard isGood else { throw ValidationError(message) }
    }
    try check(
      seconds.map { 0.001...3600 ~= $0 } ?? true, "--seconds must be from 0.001 to 3600.")
    try check(rounds.map { 1...1_000_000 ~= $0 } ?? true, "--rounds must be at least 1.")
    let names = Contended.contestants.map(\.name) + peer.map(\.name)
    try check(Set(names).count == names.count, "Two locks cannot have one name: change a --peer's.")
    try check(1...100_000_000 ~= switches, "--switches must be at least 1.")
    try check(
      0...1e9 ~= inside && 0...1e9 ~= outside, "--inside and --outside must be from 0 to 1e9.")
  }

  func run() throws {
    // The second ends the program. A sleep ends at once, on this thread: the workers block them.
    let signals = CaughtSignals(CaughtSignals.endings, once: true)
    defer { withExtendedLifetime(signals) {} }
    let seed = seed ?? UInt64.random(in: 1..<1_000_000)
    var settings = Settings(
      seconds: seconds, rounds: rounds, threads: threads?.counts, switches: switches,
      sections: Sections(inside: inside, outside: outside), isQuiet: quiet,
      generator: SeededGenerator(seed: seed))
    var results = Results(
      command: command, machine: .current, seed: seed, sections: settings.sections)
    // Before minutes are spent.
    let saved = try orWrongUsage {
      try baseline.map {
        try Baseline.load($0, processor: results.processor, cpus: results.machine.cpus)
      }
    }
    settings.peers = try orWrongUsage { try peer.map { try PeerLibrary($0.name, at: $0.file) } }
    var failure: (any Error)?
    do {
      try measure(&settings, &results)
    } catch {
      failure = error
    }
    results.checkInterruption()
    try show(results)
    if let failure { throw failure }
    if results.lostUpdates > 0 { throw ExitCode(1) }
    if let page, CaughtSignals.last == nil {
      let report = Report(results: results)
      try Page(path: page).write(results.benchmarks.map { ($0, report.markdown(of: $0)) })
    }
    let comparison = saved.map { Comparison(of: results, with: $0) }
    if let comparison { tell(comparison.text) }
    // As a shell reports a program that a signal has ended.
    if let signal = CaughtSignals.last { throw ExitCode(128 + signal) }
    if let comparison, comparison.isWorse { throw ExitCode(3) }
  }

  /// What was asked for, without what names files.
  private var command: [String] {
    var words = [benchmark.rawValue]
    func add(_ option: String, _ value: String?) {
      if let value { words += ["--" + option, value] }
    }
    add("seconds", seconds.map { "\($0)" })
    add("rounds", rounds.map { "\($0)" })
    add("threads", threads.map { $0.counts.map { "\($0)" }.joined(separator: ",") })
    if benchmark.includes(.switches) { add("switches", "\(switches)") }
    if inside != 50 { add("inside", "\(inside)") }
    if outside != 100 { add("outside", "\(outside)") }
    for peer in peer {
      add("peer", peer.name + "=" + (peer.file.split(separator: "/").last ?? ""))
    }
    if quiet { words.append("--quiet") }
    return words
  }

  /// Ends with the status of wrong usage if a file that was named is not what it should be.
  private func orWrongUsage<Value>(_ body: () throws -> Value) throws -> Value {
    do {
      return try body()
    } catch {
      FileHandle.standardError.write(Data("Error: \(error)\n".utf8))
      throw ExitCode(2)
    }
  }

  /// Beside one JSON object goes to standard error what is none of it.
  private func tell(_ text: String) {
    guard json else { return print("\n" + text) }
    FileHandle.standardError.write(Data((text + "\n").utf8))
  }

  private func measure(_ settings: inout Settings, _ results: inout Results) throws {
    let all: [(Benchmark, (inout Settings, inout Results) throws -> Void)] = [
      (.uncontended, Uncontended.measure), (.contended, Contended.measure),
      (.switches, Switches.measure), (.importOnly, ImportOnly.measure),
      (.scale, Scale.measure),
    ]
    for (one, measure) in all where benchmark.includes(one) {
      guard !results.checkInterruption() else { return }
      try measure(&settings, &results)
    }
  }

  private func show(_ results: Results) throws {
    guard json else { return print(Report(results: results).text) }
    print(try jsonText(results, isSnakeCase: false))
  }
}

@main
enum Main {
  static func main() async {
    do {
      if let work = ImportOnlyWork(arguments: CommandLine.arguments) {
        return try await work.perform()
      }
      try Benchmarks.parse().run()
    } catch {
      let status = Benchmarks.exitCode(for: error)
      guard status == .validationFailure else { Benchmarks.exit(withError: error) }
      FileHandle.standardError.write(Data((Benchmarks.fullMessage(for: error) + "\n").utf8))
      exit(2)
    }
  }
}
