import Runs

/// What can be measured.
enum Benchmark: String, Codable, CaseIterable {
  case uncontended, contended, switches
  case importOnly = "import-only"

  /// Whether its values depend on how the CPUs are related.
  var dependsOnPlacement: Bool { self != .uncontended }
}

/// What is measured of a contestant in one run.
enum Metric: String, Codable {
  case nanosecondsPerPair
  case operationsPerSecond
  case fairness
  case longestWaitMilliseconds
  case cpuNanosecondsPerSection
  case backgroundShare
  case medianSwitchMicroseconds
  case medianSwitchWithoutDrainMicroseconds

  var title: String {
    switch self {
    case .nanosecondsPerPair: "ns per pair"
    case .operationsPerSecond: "Mops/s"
    case .fairness: "slowest / fastest"
    case .longestWaitMilliseconds: "longest wait, ms"
    case .cpuNanosecondsPerSection: "CPU ns each"
    case .backgroundShare: "background"
    case .medianSwitchMicroseconds: "switch, µs"
    case .medianSwitchWithoutDrainMicroseconds: "without drain, µs"
    }
  }

  /// Whether less of it is better.
  var isBetterSmall: Bool {
    switch self {
    case .operationsPerSecond, .fairness, .backgroundShare: false
    default: true
    }
  }

  /// The value in the unit of the title.
  func shown(_ value: Double) -> Double {
    self == .operationsPerSecond ? value * 1e-6 : value
  }
}

/// Every contestant measured once, one after the other, in an order of its own.
struct Round: Codable {
  /// Which attempt it was: those that were disturbed are numbered too.
  let number: Int
  /// What was found before each run and after the last; empty where the placement plays no part.
  let probes: [Probe]
  /// Nil where it plays no part.
  let placement: Placement?
  /// Who else used the machine meanwhile.
  let usage: Usage
  let order: [String]
  /// By contestant, then by metric.
  let values: [String: [String: Double]]
}

/// What takes its turn in a round.
protocol Named {
  var name: String { get }
}

/// Rounds that are compared with each other: all of one placement.
struct Group {
  /// Nil where it plays no part.
  let placement: Placement?
  let rounds: [Round]

  /// What was measured, by round.
  func values(_ metric: Metric, of contestant: String) -> [Double] {
    rounds.compactMap { $0.values[contestant]?[metric.rawValue] }
  }

  /// One contestant's value divided by another's of the same round, by round.
  ///
  /// Where the other got nothing done at all the ratio is infinite.
  func ratios(_ metric: Metric, of one: String, to other: String) -> [Double] {
    rounds.compactMap { round in
      guard let one = round.values[one]?[metric.rawValue],
        let other = round.values[other]?[metric.rawValue]
      else { return nil }
      return one / other
    }
  }

  /// Which of these has the greatest median; nil if none was measured.
  func best(_ metric: Metric, of contestants: [String]) -> String? {
    contestants.compactMap { name in Spread(values(metric, of: name)).map { (name, $0.median) } }
      .max { $0.1 < $1.1 }?.0
  }
}

/// All rounds of one benchmark under one title.
struct Series: Codable {
  let benchmark: Benchmark
  let title: String
  let contestants: [String]
  let metrics: [Metric]
  /// How long one run of a contestant lasts, in seconds; nil where something else ends it.
  let seconds: Double?
  var rounds: [Round] = []
  /// Rounds that were repeated because other programs were busy.
  var disturbed = 0

  init(
    _ benchmark: Benchmark, _ title: String, _ contestants: [some Named], _ metrics: [Metric],
    seconds: Double? = nil
  ) {
    self.benchmark = benchmark
    self.title = title
    self.contestants = contestants.map(\.name)
    self.metrics = metrics
    self.seconds = seconds
  }

  /// The rounds that are compared, one group for each placement that was met; those during which it changed
  /// are in none.
  var groups: [Group] {
    guard benchmark.dependsOnPlacement else {
      return rounds.isEmpty ? [] : [Group(placement: nil, rounds: rounds)]
    }
    return Placement.allCases.filter(\.isComparable).compactMap { placement in
      let rounds = rounds.filter { $0.placement == placement }
      return rounds.isEmpty ? nil : Group(placement: placement, rounds: rounds)
    }
  }

  /// How many rounds had this placement.
  func count(_ placement: Placement) -> Int {
    rounds.count { $0.placement == placement }
  }

  /// Measures rounds until there are so many, or the program is to end: an incomplete round does
  /// not count.
  mutating func measure<Contestant: Named>(
    _ contestants: [Contestant], rounds wanted: Int, _ settings: inout Settings,
    _ progress: inout Progress,
    run: (_ contestant: Contestant, _ round: Int) throws -> [Metric: Double]
  ) throws {
    var number = 0
    while rounds.count < wanted {
      if settings.isQuiet { waitUntilQuiet(&progress) }
      let order = contestants.shuffled(using: &settings.generator)
      guard let round = try measureRound(number, order, &progress, run) else { return }
      number += 1
      if settings.isQuiet, round.usage.others > Usage.disturbing {
        disturbed += 1
        progress.repeats(runs: order.count)
      } else {
        rounds.append(round)
      }
    }
  }

  private func measureRound<Contestant: Named>(
    _ number: Int, _ order: [Contestant], _ progress: inout Progress,
    _ run: (Contestant, Int) throws -> [Metric: Double]
  ) throws -> Round? {
    var values: [String: [String: Double]] = [:]
    var probes: [Probe] = []
    func probe() throws {
      if benchmark.dependsOnPlacement, let found = try Probe.measure() { probes.append(found) }
    }
    let before = Usage.Moment.now
    for contestant in order {
      guard CaughtSignals.last == nil else { return nil }
      try probe()
      progress.next("\(title): round \(number + 1), \(contestant.name)")
      let measured = try run(contestant, number)
      values[contestant.name] = Dictionary(uniqueKeysWithValues: measured.map { ($0.rawValue, $1) })
    }
    guard CaughtSignals.last == nil else { return nil }
    try probe()
    return Round(
      number: number, probes: probes,
      placement: benchmark.dependsOnPlacement ? Placement(probes: probes) : nil,
      usage: .since(before), order: order.map(\.name), values: values)
  }

  private func waitUntilQuiet(_ progress: inout Progress) {
    while CaughtSignals.last == nil {
      let before = Usage.Moment.now
      Clock.sleep(seconds: 0.5)
      let usage = Usage.since(before)
      guard usage.others > Usage.disturbing / 2 else { return }
      progress.waits(
        "\(title): waiting while other programs use \((usage.others * 100).short) % of the CPUs")
    }
  }
}
