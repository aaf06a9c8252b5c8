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

extension Model {
  /// All of them, unless a model says otherwise.
  public var lockers: Int { program.cpus.count }
  /// Itself, unless a model can be broken.
  public var shipped: any Model { self }

  /// Explores every schedule within the limits.
  public func explore(
    _ limits: Limits = Limits(), report: (Progress) -> Bool = { _ in true }
  ) -> Exploration {
    Exhaustive.explore(program, limits, report: report)
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
