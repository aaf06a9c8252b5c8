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

  /// Whether a change for it is one that the hint asks for.
  public var isHint: Bool { self == .hint || self == .hintOnly || self == .blind }

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
@frozen public struct Decision: Equatable, Sendable, BitwiseCopyable {
  /// When: the end of the sample.
  package var time: UInt64
  /// The set in force.
  public package(set) var inForce: LockSet
  /// The set to switch to; nil: stay.
  public package(set) var change: LockSet?
  /// Why.
  public package(set) var reason: PolicyReason
  /// The hint that was seen.
  public package(set) var hint: DedicationHint
  /// The share of steal that was seen, in parts per million.
  public package(set) var steal: UInt32?
  /// The share of the time that locks stood still, in parts per million.
  public package(set) var stall: UInt32?
  /// What each set would have lost, in parts per million; nil where nothing is known.
  public package(set) var losses: PerSet<UInt32>?

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
