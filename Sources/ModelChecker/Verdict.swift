/// What went wrong in one schedule.
public enum Flaw: Equatable, Sendable, Codable {
  /// The model's own check failed.
  case assertion(String)
  /// Not all CPUs have finished and none can go on: a deadlock, or a wake-up that was lost.
  case deadlock
  /// The CPUs can go on for ever, each getting its turns, without anybody getting anywhere.
  case livelock
  /// An access that the model did not declare: outside its memory, misaligned, or another's.
  case badAccess(String)
}

/// A failing schedule.
public struct Failure: Equatable, Sendable, Codable {
  /// What it ends in.
  public var flaw: Flaw
  /// The decisions that lead there.
  public var schedule: [Action]
}

/// How an exploration ended.
public enum Verdict: Equatable, Sendable {
  /// Every schedule within the bounds was covered and none fails.
  case holds
  /// None failed, but a limit was reached first.
  case cut(Cut)
  /// One failed.
  case fails(Failure)

  /// Which limit.
  public enum Cut: String, Equatable, Sendable, Codable {
    /// So many states as were allowed.
    case states
    /// So much time as was allowed.
    case time
    /// A schedule longer than was allowed.
    case depth
  }
}

/// What an exploration did.
public struct Exploration: Sendable {
  /// How it ended.
  public var verdict: Verdict
  /// Different states seen; schedules, for a random one.
  public var states = 0
  /// Actions carried out.
  public var steps = 0
  /// The longest schedule.
  public var depth = 0
  /// How long it took, in seconds.
  public var seconds = 0.0
}
