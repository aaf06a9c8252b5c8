import ModelChecker

/// A model of shipped code: a program for the explorer.
///
/// Explorations in one process take turns.
public protocol Model: Sendable {
  /// What the explorer runs.
  var program: ModelProgram { get }
}

extension Model {
  /// Explores every schedule within the limits.
  public func explore(
    _ limits: Limits = Limits(), report: (Progress) -> Bool = { _ in true }
  ) -> Exploration {
    Exhaustive.explore(program, limits, report: report)
  }

  /// The same failure by a schedule that is easier to read.
  public func shorten(_ failure: Failure) -> Failure {
    Shortening.shorten(failure, of: program)
  }

  /// Carries out one schedule.
  public func replay(
    _ schedule: [Action], tell: @escaping (Event) -> Void = { _ in }
  ) throws(Replay.Problem) -> Flaw? {
    try Replay.run(program, schedule, tell: tell)
  }
}
