import ModelChecker

/// A model of shipped code: a program for the explorer, and what its CPUs find in `Setting`.
///
/// One exploration at a time in a process.
public protocol Model: Sendable {
  /// What the CPUs are set to do.
  var configuration: Configuration { get }
  /// What the explorer runs.
  var program: ModelProgram { get }
}

/// What the CPUs of a model are set to do; made by models only.
public struct Configuration: Sendable {
  var setting: Setting
}

extension Model {
  /// Explores every schedule within the limits.
  public func explore(
    _ limits: Limits = Limits(), report: (Progress) -> Bool = { _ in true }
  ) -> Exploration {
    Setting.current = configuration.setting
    return Exhaustive.explore(program, limits, report: report)
  }

  /// The same failure by a schedule that is easier to read.
  public func shorten(_ failure: Failure) -> Failure {
    Setting.current = configuration.setting
    return Shortening.shorten(failure, of: program)
  }

  /// Carries out one schedule.
  public func replay(
    _ schedule: [Action], tell: @escaping (Event) -> Void = { _ in }
  ) throws(Replay.Problem) -> Flaw? {
    Setting.current = configuration.setting
    return try Replay.run(program, schedule, tell: tell)
  }
}
