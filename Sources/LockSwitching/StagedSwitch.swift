import CodePatching
import LockPlatform

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
