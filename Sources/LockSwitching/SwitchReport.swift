import LockPlatform

/// How a switch ended.
@frozen public enum SwitchResult: UInt8, Sendable {
  /// The new set is in force.
  case done = 0
  /// It was in force already; nothing was done.
  case unchanged = 1
  /// Nothing was changed: refused before the first write.
  case refused = 2
  /// It failed midway and was undone: the old set is in force.
  case undone = 3
  /// It failed midway, and so did a step of the undoing. What is in force is a sound mixture, and the
  /// next switch goes on from there.
  case stuck = 4
}

/// The steps of the published protocols that are neither a poke nor a drain.
@frozen public enum Phase: UInt8, Sendable {
  /// `stopMachine`: every CPU is brought to where it follows the lock-step.
  case gather = 0
  /// `barrier`: breakpoints on every site.
  case breakpoints = 1
  /// `barrier`: every CPU passes the barrier, and counts from then on.
  case barrier = 2
  /// `barrier`: the count falls to zero.
  case count = 3
}

/// What was done in a step.
@frozen public enum StepKind: Equatable, Sendable {
  /// Operations were changed from what was in place to something else.
  case poke(from: Batch, to: Batch)
  /// CPUs left a slow path.
  case drain(Implementation)
  /// What only a published protocol does.
  case phase(Phase)
}

/// A step that was done, and what it cost.
@frozen public struct ReportStep: Equatable, Sendable {
  /// What was done.
  public var kind: StepKind
  /// Whether it was part of undoing the switch.
  public var isUndo: Bool
  /// How long it took, in nanoseconds.
  public var nanoseconds: UInt64
  /// How many sites it poked; 0 for a wait and for an operation that is not text.
  public var sites: UInt32

  /// A step.
  public init(kind: StepKind, isUndo: Bool, nanoseconds: UInt64, sites: UInt32) {
    self.kind = kind
    self.isUndo = isUndo
    self.nanoseconds = nanoseconds
    self.sites = sites
  }
}

/// What a switch did and cost.
@frozen public struct SwitchReport: Sendable {
  /// The set that was in force.
  public var from: LockSet
  /// The set that was wanted.
  public var to: LockSet
  /// How it was carried out.
  public var `protocol`: SwitchProtocol
  /// How it ended.
  public var result: SwitchResult
  /// Why it was refused or undone; nil if it was not.
  public var failure: SwitchFailure?
  /// Who asked.
  public var reason: SwitchReason
  /// From first to last step, in nanoseconds.
  public var nanoseconds: UInt64
  /// How many sites were poked, each counted once for each time.
  public var sites: UInt32
  /// How many breakpoints CPUs met while it lasted.
  public var breakpoints: UInt64
  /// The longest time a CPU was stalled by it, measured there: at the gate, in the breakpoint
  /// handler, or gathered; in nanoseconds.
  public var longestStall: UInt64
  private var steps: InlineArray<12, ReportStep>
  /// How many steps were kept.
  public private(set) var stepCount: Int
  /// How many steps were done for which there was no room.
  public var stepsLeftOut: UInt32

  /// The report of a switch that has not begun.
  public init(_ request: SwitchRequest, from set: LockSet) {
    from = set
    to = request.to
    self.protocol = request.protocol
    result = .unchanged
    failure = nil
    reason = request.reason
    nanoseconds = 0
    sites = 0
    breakpoints = 0
    longestStall = 0
    steps = InlineArray(
      repeating: ReportStep(kind: .drain(.gate), isUndo: false, nanoseconds: 0, sites: 0))
    stepCount = 0
    stepsLeftOut = 0
  }

  /// A request that was refused before the system was looked at.
  public init(_ request: SwitchRequest, from set: LockSet, refusedFor failure: SwitchFailure) {
    self.init(request, from: set)
    result = .refused
    self.failure = failure
  }

  /// A step that was done, below `stepCount`.
  public func step(_ index: Int) -> ReportStep { steps[index] }

  /// Adds a step.
  public mutating func add(_ step: ReportStep) {
    sites &+= step.sites
    guard stepCount < steps.count else {
      stepsLeftOut &+= 1
      return
    }
    steps[stepCount] = step
    stepCount += 1
  }

  /// Leaves the steps out, for a shorter line.
  public mutating func removeSteps() {
    stepsLeftOut &+= UInt32(stepCount)
    stepCount = 0
  }
}
