import ModelChecker

/// A model of shipped code: a program for the explorer.
///
/// Explorations may run in several threads at once.
public protocol Model: Sendable {
  /// What the explorer runs.
  var program: ModelProgram { get }
  /// How many CPUs take locks.
  var lockers: Int { get }
  /// The same model of the code as it ships, if this one breaks it; else itself.
  var shipped: any Model { get }
}

/// Which schedules of a model are explored.
public enum Search: Equatable, Sendable {
  /// All.
  case exhaustive
  /// Those with so few preemptions.
  case preemptions(Int)
  /// So many at random; the same seed, the same schedules.
  case random(schedules: Int, seed: UInt64)
}

extension Model {
  /// All of them, unless a model says otherwise.
  public var lockers: Int { program.cpus.count }
  /// Itself, unless a model can be broken.
  public var shipped: any Model { self }

  /// Explores schedules within the limits: every one, unless told otherwise.
  public func explore(
    _ limits: Limits = Limits(), by search: Search = .exhaustive,
    report: (Progress) -> Bool = { _ in true }
  ) -> Exploration {
    switch search {
    case .exhaustive: Exhaustive.explore(program, limits, report: report)
    case .preemptions(let preemptions):
      PreemptionBounded.explore(program, preemptions: preemptions, limits, report: report)
    case .random(let schedules, let seed):
      RandomWalk.explore(program, schedules: schedules, seed: seed, limits, report: report)
    }
  }

  /// The same failure by a schedule that is easier to read.
  public func shorten(_ failure: Failure, goOn: () -> Bool = { true }) -> Failure {
    Shortening.shorten(failure, of: program, goOn: goOn)
  }

  /// Carries out one schedule.
  public func replay(
    _ schedule: [Action], cycle: [Action] = [], tell: @escaping (Event) -> Void = { _ in }
  ) throws(Replay.Problem) -> Flaw? {
    try Replay.run(program, schedule, cycle: cycle, tell: tell)
  }
}
