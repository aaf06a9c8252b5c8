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
  public let kind: StepKind
  /// Whether it was part of undoing the switch.
  public let isUndo: Bool
  /// How long it took, in nanoseconds.
  package let nanoseconds: UInt64
  /// How many sites it poked; 0 for a wait and for an operation that is not text.
  public let sites: UInt32

  /// A step.
  @usableFromInline
  package init(kind: StepKind, isUndo: Bool, nanoseconds: UInt64, sites: UInt32) {
    self.kind = kind
    self.isUndo = isUndo
    self.nanoseconds = nanoseconds
    self.sites = sites
  }
}

/// What a switch did and cost.
@frozen public struct SwitchReport: Sendable {
  /// The set that was in force.
  public package(set) var from: LockSet
  /// The set that was wanted.
  public package(set) var to: LockSet
  /// How it was carried out.
  public package(set) var `protocol`: SwitchProtocol
  /// How it ended.
  public package(set) var result: SwitchResult
  /// Why it was refused or undone; nil if it was not.
  public package(set) var failure: SwitchFailure?
  /// Who asked.
  public package(set) var reason: SwitchReason
  /// From first to last step, in nanoseconds.
  package var nanoseconds: UInt64
  /// How many sites were poked, each counted once for each time.
  public package(set) var sites: UInt32
  /// How many breakpoints CPUs met while it lasted.
  public package(set) var breakpoints: UInt64
  /// The longest time a CPU was stalled by it, measured there: at the gate, in the breakpoint
  /// handler, or gathered; in nanoseconds.
  package var stallNanoseconds: UInt64
  private var kept: InlineArray<12, ReportStep>
  /// How many steps were kept.
  @usableFromInline
  package private(set) var stepCount: Int
  /// How many steps were done for which there was no room.
  public package(set) var stepsLeftOut: UInt32

  /// The report of a switch that has not begun.
  @usableFromInline
  package init(_ request: SwitchRequest, from set: LockSet) {
    from = set
    to = request.to
    self.protocol = request.protocol
    result = .unchanged
    failure = nil
    reason = request.reason
    nanoseconds = 0
    sites = 0
    breakpoints = 0
    stallNanoseconds = 0
    kept = InlineArray(
      repeating: ReportStep(kind: .drain(.gate), isUndo: false, nanoseconds: 0, sites: 0))
    stepCount = 0
    stepsLeftOut = 0
  }

  /// A request that was refused before the system was looked at.
  @usableFromInline
  package init(_ request: SwitchRequest, from set: LockSet, refusedFor failure: SwitchFailure) {
    self.init(request, from: set)
    result = .refused
    self.failure = failure
  }

  /// A step that was done, below `stepCount`.
  package func step(_ index: Int) -> ReportStep { kept[index] }

  /// Adds a step.
  @usableFromInline
  package mutating func add(_ step: ReportStep) {
    sites &+= step.sites
    guard stepCount < kept.count else {
      stepsLeftOut &+= 1
      return
    }
    kept[stepCount] = step
    stepCount += 1
  }

  /// Notes why the switch failed.
  @usableFromInline
  mutating func fail(_ failure: SwitchFailure) { self.failure = failure }

  /// Notes how it ended, and what it took.
  @usableFromInline
  mutating func end(_ result: SwitchResult, nanoseconds: UInt64) {
    self.result = result
    self.nanoseconds = nanoseconds
  }

  /// Notes what CPUs went through.
  @usableFromInline
  mutating func measured(_ values: (longestStall: UInt64, breakpoints: UInt64)) {
    (stallNanoseconds, breakpoints) = values
  }

  /// Leaves the steps out, for a shorter line.
  package mutating func removeSteps() {
    stepsLeftOut &+= UInt32(stepCount)
    stepCount = 0
  }
}
