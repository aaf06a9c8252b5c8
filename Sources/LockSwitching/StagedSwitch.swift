import CodePatching
import LockPlatform

extension Plan {
  /// The plan of a staged switch: pokes ordered so that every mixture that can occur is sound, and
  /// one drain.
  ///
  /// Numbers are DESIGN's ("staged"), upward and downward. Every change of slow path goes through
  /// the gate, to and from test-and-set too.
  public static func staged(from old: LockSet, to new: LockSet) -> Plan {
    var plan = Plan()
    guard old != new else { return plan }
    let goesToSleep = new == .paravirtual
    let wakesUp = old == .paravirtual
    // What only paravirtual bodies call is there before the first of them, ...
    if goesToSleep { plan.appendHelpers(from: old, to: new) }
    // Up 1. From now on every unlock would wake a sleeper; as yet there is none.
    if goesToSleep { plan.append(unlock: old, new) }
    // Up 2, down 1. Nobody enters the old slow path any more.
    plan.append(.poke(.slowPath, from: old.implementation(of: .slowPath), to: .gate))
    // Up 3, down 2. Those inside have their turn and leave.
    plan.append(.drain(old.implementation(of: .slowPath)))
    // Down 3. Nobody sleeps any more, so an unlock need not look.
    if wakesUp { plan.append(unlock: old, new) }
    // 4. The gate opens: its waiters go on into the new slow path.
    plan.append(.poke(.slowPath, from: .gate, to: new.implementation(of: .slowPath)))
    // ... and until after the last.
    if wakesUp { plan.appendHelpers(from: old, to: new) }
    return plan
  }

  private mutating func append(unlock old: LockSet, _ new: LockSet) {
    append(
      .poke(.unlock, from: old.implementation(of: .unlock), to: new.implementation(of: .unlock)))
  }

  private mutating func appendHelpers(from old: LockSet, to new: LockSet) {
    let helpers: InlineArray<3, LockOperation> = [.wait, .kick, .vcpuIsPreempted]
    for index in helpers.indices {
      let operation = helpers[index]
      append(
        .poke(
          operation, from: old.implementation(of: operation), to: new.implementation(of: operation)
        ))
    }
  }
}

/// Carries out a plan on a running system, one step after the other; undoes it if a step fails.
///
/// One caller at a time. It may be descheduled anywhere for any time: every mixture of the plan is
/// sound. Nobody is stopped.
public enum StagedSwitch<Target: SwitchTarget> {
  /// Switches.
  ///
  /// The report says what happened; the failure, if there is one, why not.
  public static func run(_ request: SwitchRequest) -> (SwitchReport, SwitchFailure?) {
    run(Plan.staged(from: request.from, to: request.to), request)
  }

  /// Carries out a given plan, sound or not: for the model checker and for tests.
  public static func run(
    _ plan: Plan, _ request: SwitchRequest
  ) -> (SwitchReport, SwitchFailure?) {
    var report = SwitchReport(request, .staged)
    guard plan.count > 0 else { return (report, nil) }
    let began = Target.nanoseconds
    do {
      try Target.prepare(plan, request.method)
    } catch {
      report.result = .refused
      report.nanoseconds = Target.nanoseconds &- began
      return (report, error)
    }

    Target.beginMeasuring()
    let deadline = request.deadline(from: began)
    var failure: SwitchFailure?
    for index in 0..<plan.count {
      let before = Target.nanoseconds
      do {
        let sites = try perform(plan[index], request, deadline: deadline)
        report.add(
          StepRecord(
            step: plan[index], nanoseconds: Target.nanoseconds &- before, sites: sites))
      } catch {
        failure = error
        break
      }
    }
    report.result = failure == nil ? .done : undo(plan, report.stepCount, request)
    report.nanoseconds = Target.nanoseconds &- began
    (report.longestStall, report.breakpoints) = Target.measured
    return (report, failure)
  }

  private static func perform(
    _ step: Step, _ request: SwitchRequest, deadline: UInt64
  ) throws(SwitchFailure) -> UInt32 {
    switch step {
    case .poke(let operation, let from, let to):
      return try Target.poke(operation, from: from, to: to, by: request.method)
    case .drain(let body):
      try drain(body, deadline: deadline)
      return 0
    case .phase:
      // A step of another protocol.
      throw .unsupported
    }
  }

  private static func drain(
    _ body: Implementation, deadline: UInt64
  ) throws(SwitchFailure) {
    try Target.beginDrain()
    while !Target.isDrained() {
      guard Target.nanoseconds < deadline else { throw .notDrained(body) }
      Target.rest()
    }
  }

  /// Pokes back what was poked, last first: the same mixtures in the opposite order.
  ///
  /// Only a slow path that the gate had opened to must be drained on the way, in a time of its
  /// own. The old one need not: nobody has entered another since it was in place.
  private static func undo(
    _ plan: Plan, _ done: Int, _ request: SwitchRequest
  ) -> SwitchResult {
    var index = done
    while index > 0 {
      index &-= 1
      guard case .poke(let operation, let from, let to) = plan[index] else { continue }
      do {
        _ = try Target.poke(operation, from: to, to: from, by: request.method)
        if operation == .slowPath, to != .gate {
          try drain(to, deadline: request.deadline(from: Target.nanoseconds))
        }
      } catch {
        return .stuck
      }
    }
    return .undone
  }
}
