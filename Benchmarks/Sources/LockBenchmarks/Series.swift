import BenchmarkShims

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
    _ contestants: [Contestant], rounds wanted: Int, shuffledBy generator: inout SeededGenerator,
    _ progress: inout Progress,
    run: (_ contestant: Contestant, _ round: Int) throws -> [Metric: Double]
  ) throws {
    for number in 1...max(1, wanted) {
      let order = contestants.shuffled(using: &generator)
      var values: [String: [String: Double]] = [:]
      var roundTrips: [Double] = []
      let before = Usage.Moment.now
      for contestant in order {
        if let time = try RoundTrip.measure() { roundTrips.append(time) }
        progress.next("\(title): round \(number) of \(wanted), \(contestant.name)")
        let measured = try run(contestant, number - 1)
        guard bench_interrupted() == 0 else { return }
        values[contestant.name] = Dictionary(
          uniqueKeysWithValues: measured.map { ($0.rawValue, $1) })
      }
      if let time = try RoundTrip.measure() { roundTrips.append(time) }
      rounds.append(
        Round(
          roundTrips: roundTrips, placement: Placement(roundTrips: roundTrips),
          usage: .since(before), order: order.map(\.name), values: values))
    }
  }
}
