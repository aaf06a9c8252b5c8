import CodePatching
import LockPlatform

/// How a switch is carried out.
@frozen public enum SwitchProtocol: UInt8, Sendable {
  /// Pokes ordered so that every mixture is sound, and one drain; nobody is stopped.
  case staged = 0
  /// All CPUs gathered, then patched in lock-step: the 2020 RFC.
  case stopMachine = 1
  /// Breakpoints everywhere, a barrier on each CPU, then a count that must fall to zero: the 2020
  /// talk.
  case barrier = 2
}

/// Who asked for a switch.
@frozen public enum SwitchReason: UInt8, Sendable {
  /// A person or a program, by name.
  case `operator` = 0
  /// A hint of the hypervisor changed.
  case hint = 1
  /// A policy that watches the system.
  case policy = 2
}

/// What is asked of a switch.
@frozen public struct SwitchRequest: Sendable {
  /// The set in force.
  public var from: LockSet
  /// The set wanted.
  public var to: LockSet
  /// How sites are poked.
  public var method: PokeMethod
  /// How long the switch may take before it is undone, in nanoseconds.
  public var timeLimit: UInt64
  /// Who asked.
  public var reason: SwitchReason
  /// What the protocol leaves open.
  public var options: SwitchOptions

  /// A request.
  @inlinable
  public init(
    from: LockSet, to: LockSet, method: PokeMethod, timeLimit: UInt64, reason: SwitchReason,
    options: SwitchOptions = SwitchOptions()
  ) {
    self.from = from
    self.to = to
    self.method = method
    self.timeLimit = timeLimit
    self.reason = reason
    self.options = options
  }
}

extension SwitchRequest {
  /// When the time is over that begins now; a limit too long for the clock is none.
  func deadline(from now: UInt64) -> UInt64 {
    let (end, overflow) = now.addingReportingOverflow(timeLimit)
    return overflow ? .max : end
  }
}

/// A step that was done, and what it cost.
@frozen public struct StepRecord: Sendable {
  /// The step.
  public var step: Step
  /// How long it took, in nanoseconds.
  public var nanoseconds: UInt64
  /// How many sites it poked; 0 for a wait and for an operation that is not text.
  public var sites: UInt32
}

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
  /// It failed midway, and so did a step of the undoing. What is in force is a sound mixture.
  case stuck = 4
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
  /// Who asked.
  public var reason: SwitchReason
  /// From first to last step, in nanoseconds.
  public var nanoseconds: UInt64
  /// How many sites were poked, each counted once for each time.
  public var sites: UInt32
  /// How many breakpoints CPUs met while it lasted.
  public var breakpoints: UInt64
  /// The longest time a CPU was held up by it, measured there: at the gate, in the breakpoint
  /// handler, or gathered; in nanoseconds.
  public var longestStall: UInt64
  @usableFromInline var records: InlineArray<10, StepRecord>
  /// How many steps were done.
  public var stepCount: Int

  /// The report of a switch that has not begun.
  public init(_ request: SwitchRequest, _ protocol: SwitchProtocol) {
    from = request.from
    to = request.to
    self.protocol = `protocol`
    result = .unchanged
    reason = request.reason
    nanoseconds = 0
    sites = 0
    breakpoints = 0
    longestStall = 0
    records = InlineArray(
      repeating: StepRecord(step: .drain(.gate), nanoseconds: 0, sites: 0))
    stepCount = 0
  }

  /// A step that was done.
  @inlinable
  public func step(_ index: Int) -> StepRecord { records[index] }

  mutating func add(_ record: StepRecord) {
    records[stepCount] = record
    stepCount += 1
    sites += record.sites
  }
}
