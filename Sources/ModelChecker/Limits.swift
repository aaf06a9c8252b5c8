/// How far an exploration may go.
public struct Limits: Sendable {
  /// Different states.
  public var states: Int
  /// Seconds.
  public var seconds: Double
  /// Actions in one schedule.
  public var depth: Int

  /// Limits, generous by default.
  public init(states: Int = 400_000_000, seconds: Double = 3600, depth: Int = 100_000) {
    self.states = states
    self.seconds = seconds
    self.depth = depth
  }
}

/// How far an exploration has come.
public struct Progress: Sendable {
  /// Different states seen.
  public var states: Int
  /// Actions carried out.
  public var steps: Int
  /// The length of the schedule being explored.
  public var depth: Int
  /// Since it began.
  public var seconds: Double
}
