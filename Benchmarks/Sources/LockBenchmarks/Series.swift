import Runs

/// What can be measured.
enum Benchmark: String, Codable, CaseIterable {
  case uncontended, contended, switches
  case importOnly = "import-only"
  case scale
}

/// What is measured of a contestant in one run.
enum Metric: String, Codable {
  case nanosecondsPerPair
  case operationsPerSecond
  case fairness
  case longestWaitMilliseconds
  case cpuNanosecondsPerSection
  case backgroundShare
  case sites
  case firstSwitchMicroseconds
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
    case .sites: "sites"
    case .firstSwitchMicroseconds: "first switch, µs"
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
  /// By contestant, what its run was measured in, by what was found before it and after it; empty where
  /// the placement plays no part.
  let placements: [String: Placement]
  /// Who else used the machine meanwhile.
  let usage: Usage
  let order: [String]
  /// By contestant, then by metric.
  let values: [String: [String: Double]]

  init(
    number: Int, probes: [Probe], isByPlacement: Bool, usage: Usage, order: [String],
    values: [String: [String: Double]]
  ) {
    (self.number, self.probes, self.usage) = (number, probes, usage)
    (self.order, self.values) = (order, values)
    let runs = isByPlacement ? order : []
    placements = Dictionary(
      uniqueKeysWithValues: runs.enumerated().map { index, name in
        (name, Placement(probes: Array(probes.dropFirst(index).prefix(2))))
      })
  }
}

/// What takes its turn in a round.
protocol Named {
  var name: String { get }
}

/// Runs that are compared with each other: all in one placement.
struct Group {
  /// Nil where it plays no part.
  let placement: Placement?
  let rounds: [Round]

  /// Whether a contestant's run of a round is one of them.
  func includes(_ contestant: String, _ round: Round) -> Bool {
    round.values[contestant] != nil
      && (placement == nil || round.placements[contestant] == placement)
  }

  /// What was measured, by round.
  func values(_ metric: Metric, of contestant: String) -> [Double] {
    rounds.compactMap { value(metric, of: contestant, in: $0) }
  }

  private func value(_ metric: Metric, of contestant: String, in round: Round) -> Double? {
    includes(contestant, round) ? round.values[contestant]?[metric.rawValue] : nil
  }

  /// One contestant's value divided by another's of the same round, by round; only of rounds in which both ran in
  /// this placement.
  ///
  /// Where the other got nothing done at all the ratio is infinite.
  func ratios(_ metric: Metric, of one: String, to other: String) -> [Double] {
    rounds.compactMap { round in
      guard let one = value(metric, of: one, in: round),
        let other = value(metric, of: other, in: round)
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
  /// Whether its values depend on how the CPUs are related.
  let isByPlacement: Bool
  var rounds: [Round] = []
  /// Rounds that were repeated because other programs were busy.
  var disturbed = 0

  init(
    _ benchmark: Benchmark, _ title: String, _ contestants: [some Named], _ metrics: [Metric],
    seconds: Double? = nil, isByPlacement: Bool = true
  ) {
    self.benchmark = benchmark
    self.title = title
    self.contestants = contestants.map(\.name)
    self.metrics = metrics
    self.seconds = seconds
    self.isByPlacement = isByPlacement
  }

  /// The runs that are compared, one group for each placement that was met; those during which it changed
  /// are in none.
  var groups: [Group] {
    guard isByPlacement else {
      return rounds.isEmpty ? [] : [Group(placement: nil, rounds: rounds)]
    }
    return Placement.allCases.filter(\.isComparable).compactMap { placement in
      let rounds = rounds.filter { $0.placements.values.contains(placement) }
      return rounds.isEmpty ? nil : Group(placement: placement, rounds: rounds)
    }
  }

  /// In how many runs the placement changed.
  var mixedRuns: Int {
    rounds.reduce(0) { $0 + $1.placements.values.count { !$0.isComparable } }
  }

  /// How many runs there were.
  var runs: Int { rounds.reduce(0) { $0 + $1.order.count } }

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
      if isByPlacement, let found = try Probe.measure() { probes.append(found) }
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
      number: number, probes: probes, isByPlacement: isByPlacement, usage: .since(before),
      order: order.map(\.name),
      values: values)
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
