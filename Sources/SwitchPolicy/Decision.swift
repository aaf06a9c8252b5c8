import LockPlatform

/// Why a policy did what it did.
@frozen public enum PolicyReason: UInt8, Sendable {
  /// The set in force lost least.
  case best = 0
  /// Another set loses less, but not yet enough to be worth a change.
  case notWorthIt = 1
  /// The set in force has lost as much more than another as a change costs.
  case losing = 2
  /// Another set would be better on average, and was worse a moment ago.
  case unsteady = 3
  /// The last change was too short a time ago.
  case tooSoon = 4
  /// The hypervisor's hint changed.
  case hint = 5
  /// No signal but the hint: the policy is blind, and follows it.
  case blind = 6
  /// Only the hint is to be followed.
  case hintOnly = 7
  /// An operator chose a set.
  case pinned = 8
  /// An operator turned the policy off.
  case off = 9
  /// A switch is under way.
  case underWay = 10
  /// A switch failed, and the time to try again has not come.
  case backingOff = 11
  /// The set in force is none of the candidates.
  case notACandidate = 12
  /// No time passed, or the clock went back.
  case noTimePassed = 13
  /// The system must have been stopped meanwhile.
  case gap = 14
  /// A counter ran backwards.
  case ranBackwards = 15
  /// CPUs waited or ran for longer than there was time.
  case moreThanTime = 16
  /// No CPU, or more than any machine has.
  case impossibleCPUs = 17
  /// A switch that the policy asked for ended well.
  case switched = 18
  /// A switch that the policy asked for failed.
  case switchFailed = 19
  /// Somebody else switched.
  case switchedByOthers = 20

  init(_ fault: SampleFault) {
    switch fault {
    case .noTimePassed: self = .noTimePassed
    case .gap: self = .gap
    case .ranBackwards: self = .ranBackwards
    case .moreThanTime: self = .moreThanTime
    case .impossibleCPUs: self = .impossibleCPUs
    }
  }
}

/// What a policy decided, and on what grounds.
@frozen public struct Decision: Equatable, Sendable {
  /// When: the end of the sample.
  public var time: UInt64
  /// The set in force.
  public var inForce: LockSet
  /// The set to switch to; nil: stay.
  public var change: LockSet?
  /// Why.
  public var reason: PolicyReason
  /// The hint that was seen.
  public var hint: DedicationHint
  /// The share of steal that was seen, in parts per million.
  public var steal: UInt32?
  /// The share of the time that locks stood still, in parts per million.
  public var stall: UInt32?
  /// What each set would have lost, in parts per million; nil where nothing is known.
  public var losses: PerSet<UInt32>?

  init(_ time: UInt64, in set: LockSet, _ reason: PolicyReason, hint: DedicationHint) {
    self.time = time
    inForce = set
    self.reason = reason
    self.hint = hint
    change = nil
    steal = nil
    stall = nil
    losses = nil
  }

  /// The same decision for the same reason, whatever was seen.
  func isLike(_ other: Decision) -> Bool {
    inForce == other.inForce && change == other.change && reason == other.reason
  }
}

/// The last 64 decisions.
///
/// Those in a row that are alike are one entry, which shows the last of them.
public struct DecisionLog: Sendable {
  /// Decisions that are alike.
  @frozen public struct Entry: Sendable {
    /// The last of them.
    public var decision: Decision
    /// When the first of them was taken.
    public var since: UInt64
    /// How many there are.
    public var count: UInt32
  }

  /// How many entries are kept.
  public static let capacity = 64

  private var entries: [64 of Entry?] = .init(repeating: nil)
  private var next = 0

  /// How many entries there are.
  public private(set) var count = 0

  /// An empty log.
  public init() {}

  /// An entry; 0 is the oldest.
  ///
  /// Nil if there are not as many.
  public subscript(_ index: Int) -> Entry? {
    guard index >= 0, index < count else { return nil }
    return entries[(next + Self.capacity - count + index) % Self.capacity]
  }

  /// Adds a decision.
  public mutating func add(_ decision: Decision) {
    let last = (next + Self.capacity - 1) % Self.capacity
    if let entry = entries[last], entry.decision.isLike(decision) {
      let (count, overflow) = entry.count.addingReportingOverflow(1)
      entries[last] = Entry(
        decision: decision, since: entry.since, count: overflow ? .max : count)
      return
    }
    entries[next] = Entry(decision: decision, since: decision.time, count: 1)
    next = (next + 1) % Self.capacity
    count = min(count + 1, Self.capacity)
  }
}
