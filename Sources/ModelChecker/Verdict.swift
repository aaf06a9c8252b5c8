/// What went wrong in one schedule.
public enum Flaw: Equatable, Sendable {
  /// The model's own check failed.
  case assertion(String)
  /// Not all CPUs have finished and none can go on: a deadlock, or a lost wake-up.
  case deadlock
  /// The CPUs can go on for ever, each taking steps, without any progress.
  case livelock
  /// An access that the model did not declare: outside its memory, misaligned, or another's.
  case badAccess(String)
}

extension Flaw: Codable, CustomStringConvertible {
  private static let assertionPrefix = "assertion: "
  private static let badAccessPrefix = "bad access: "

  /// As in a schedule file: `deadlock`, `assertion: two owners`.
  public var description: String {
    switch self {
    case .assertion(let message): Self.assertionPrefix + message
    case .deadlock: "deadlock"
    case .livelock: "livelock"
    case .badAccess(let message): Self.badAccessPrefix + message
    }
  }

  /// Reads what `description` writes; nil if the text is no flaw.
  public init?(_ text: String) {
    switch text {
    case "deadlock": self = .deadlock
    case "livelock": self = .livelock
    case _ where text.hasPrefix(Self.assertionPrefix):
      self = .assertion(String(text.dropFirst(Self.assertionPrefix.count)))
    case _ where text.hasPrefix(Self.badAccessPrefix):
      self = .badAccess(String(text.dropFirst(Self.badAccessPrefix.count)))
    default: return nil
    }
  }

  /// As a string.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let text = try container.decode(String.self)
    guard let flaw = Flaw(text) else {
      throw DecodingError.dataCorruptedError(
        in: container, debugDescription: "'\(text)' is no verdict of a schedule.")
    }
    self = flaw
  }

  /// As a string.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}

/// A failing schedule.
public struct Failure: Equatable, Sendable, Codable {
  /// What it ends in.
  public var flaw: Flaw
  /// The decisions that lead there.
  public var schedule: [Action]
  /// What can then repeat for ever, with each CPU taking steps; for a livelock.
  public var cycle: [Action] = []
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
    /// The allowed number of states.
    case states
    /// The allowed time.
    case time
    /// The allowed length of a schedule.
    case depth
    /// The allowed number of preemptions.
    case preemptions
    /// The requested number of schedules.
    case schedules
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
