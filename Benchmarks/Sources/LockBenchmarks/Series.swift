import Runs

/// What is measured of a contestant in one run.
enum Metric: String, Codable {
  case nanosecondsPerPair
  case operationsPerSecond
  case fairness
  case longestWaitMilliseconds
  case medianSwitchMicroseconds
  case medianSwitchWithoutDrainMicroseconds

  var title: String {
    switch self {
    case .nanosecondsPerPair: "ns per pair"
    case .operationsPerSecond: "Mops/s"
    case .fairness: "slowest / fastest"
    case .longestWaitMilliseconds: "longest wait, ms"
    case .medianSwitchMicroseconds: "switch, µs"
    case .medianSwitchWithoutDrainMicroseconds: "without drain, µs"
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
  /// What the probes before each run and after the last found, in nanoseconds.
  let roundTrips: [Double]
  let placement: Placement
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

/// All rounds of one benchmark.
struct Series: Codable {
  let title: String
  let contestants: [String]
  let metrics: [Metric]
  var rounds: [Round] = []
  /// Rounds that were repeated because other programs were busy.
  var disturbed = 0

  init(_ title: String, _ contestants: [some Named], _ metrics: [Metric]) {
    self.title = title
    self.contestants = contestants.map(\.name)
    self.metrics = metrics
  }

  /// The placement that most rounds had; nil without a round.
  var placement: Placement? {
    Placement.allCases.filter { placement in rounds.contains { $0.placement == placement } }
      .max { count($0) < count($1) }
  }

  /// How many rounds had this placement.
  func count(_ placement: Placement) -> Int {
    rounds.count { $0.placement == placement }
  }

  /// The rounds that are compared: those of `placement`.
  var counted: [Round] { rounds.filter { $0.placement == placement } }

  /// What was measured, by round.
  func values(_ metric: Metric, of contestant: String) -> [Double] {
    counted.compactMap { $0.values[contestant]?[metric.rawValue] }
  }

  /// One contestant's value divided by another's of the same round, by round.
  ///
  /// Where the other got nothing done at all the ratio is infinite.
  func ratios(_ metric: Metric, of one: String, to other: String) -> [Double] {
    counted.compactMap { round in
      guard let one = round.values[one]?[metric.rawValue],
        let other = round.values[other]?[metric.rawValue]
      else { return nil }
      return one / other
    }
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
    var roundTrips: [Double] = []
    let before = Usage.Moment.now
    for contestant in order {
      guard CaughtSignals.last == nil else { return nil }
      if let time = try RoundTrip.measure() { roundTrips.append(time) }
      progress.next("\(title): round \(number + 1), \(contestant.name)")
      let measured = try run(contestant, number)
      values[contestant.name] = Dictionary(uniqueKeysWithValues: measured.map { ($0.rawValue, $1) })
    }
    guard CaughtSignals.last == nil else { return nil }
    if let time = try RoundTrip.measure() { roundTrips.append(time) }
    return Round(
      number: number, roundTrips: roundTrips, placement: Placement(roundTrips: roundTrips),
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
