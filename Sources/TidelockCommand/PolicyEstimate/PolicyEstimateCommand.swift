import ArgumentParser
import Runs

/// `tidelock policy estimate`: what each set loses while CPUs are taken away.
struct PolicyEstimateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "estimate",
    abstract: "Measure what each set loses when so much of the CPUs' time is taken away.",
    discussion: """
      Threads take locks, one on each CPU, while another program takes 0 to 90 % of these CPUs; each set is \
      measured at each level, round by round. Prints the table that the policy goes by, as source for \
      Sources/SwitchPolicy/EstimateTables.swift. Run it on an idle machine.
      """)

  @Option(help: ArgumentHelp("How long the whole run takes.", valueName: "s"))
  var seconds = 300.0

  @Option(help: ArgumentHelp("How often each set is measured at each level.", valueName: "n"))
  var rounds = 5

  @Option(help: ArgumentHelp("How many threads; one for each CPU if not given.", valueName: "n"))
  var threads: Int?

  @Option(help: ArgumentHelp("How many locks they take.", valueName: "n"))
  var locks = 1

  @Option(
    help: ArgumentHelp("Work between two locks, in nanoseconds or so.", valueName: "n"))
  var work = 100

  @OptionGroup var faces: Faces

  func validate() throws {
    try check("--seconds", seconds, 1...86_400)
    try check("--rounds", rounds, 1...1000)
    try check("--threads", threads, 2...4096)
    try check("--locks", locks, 1...ProbedLoad.locks)
    try check("--work", work, 0...1_000_000)
  }

  func run() throws {
    // First everything that can go wrong without a run.
    try faces.check()
    let display = RunDisplay(json: faces.json)
    let cpus = EstimatePlan.allowedCPUs
    let threads = threads ?? max(2, cpus.count)
    let plan = EstimatePlan(
      seconds: seconds, rounds: rounds, cpus: cpus, threads: threads, locks: locks, work: work)
    // All that it depends on, said or not.
    let command =
      "tidelock policy estimate --seconds \(seconds) --rounds \(rounds) --threads \(threads)"
      + " --locks \(locks) --work \(work)"
    let outcome = EstimateRun(plan, command: command).execute(display)
    // Line by line, which a paragraph would not be.
    defer {
      if !faces.json, let source = outcome.source { display.terminal.write("\n\(source)\n") }
    }
    try faces.show(outcome, on: display)
  }
}
