import LockSwitching

extension SwitchReport {
  /// How long the switch took, from its first step to its last, on the monotonic clock.
  public var duration: Duration { .nanoseconds(nanoseconds) }

  /// The longest time that the switch stalled a thread, measured there: at the gate, in the breakpoint
  /// handler, or gathered.
  public var longestStall: Duration { .nanoseconds(stallNanoseconds) }

  /// What was done, in order; ``stepsLeftOut`` says how many more there were than the 12 that are kept.
  public var steps: [ReportStep] { (0..<stepCount).map(step) }
}

extension SwitchReport: CustomStringConvertible {
  /// One line: `native to paravirtual by staged: done in 0.000214 seconds`.
  public var description: String {
    let took = result == .unchanged || result == .refused ? "" : " in \(duration)"
    return "\(from) to \(to) by \(`protocol`): \(result)\(took)"
      + (failure.map { ", \($0)" } ?? "")
  }
}

extension ReportStep {
  /// How long the step took.
  public var duration: Duration { .nanoseconds(nanoseconds) }
}

extension ReportStep: CustomStringConvertible {
  /// One line: `poke unlock native to paravirtual: 7 sites in 1.3e-05 seconds`.
  public var description: String {
    "\(isUndo ? "undo by " : "")\(kind): \(sites) sites in \(duration)"
  }
}

extension Duration {
  /// In nanoseconds; 0 if negative, and at most as many as fit.
  var wholeNanoseconds: UInt64 {
    guard self > .zero else { return 0 }
    let (whole, isMore) = UInt64(components.seconds).multipliedReportingOverflow(by: 1_000_000_000)
    let rest = UInt64(components.attoseconds / 1_000_000_000)
    let (sum, isTooMuch) = whole.addingReportingOverflow(rest)
    return isMore || isTooMuch ? .max : sum
  }
}
