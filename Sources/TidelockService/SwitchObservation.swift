import Logging
import Metrics
import Tidelock

/// What has been counted and logged already.
package struct SwitchObservation: Sendable {
  private let metrics: any MetricsFactory
  private let logger: Logger
  private var switches = 0
  private var decided: PolicyDecision?

  package init(metrics: any MetricsFactory, logger: Logger) {
    self.metrics = metrics
    self.logger = logger
    switches = LockOperations.history.count
    decided = LockPolicy.decisions.last
  }

  /// Counts and logs what is new.
  package mutating func look() {
    count(LockOperations.history)
    count(LockPolicy.decisions)
    for set in [LockSet.native, .paravirtual, .testAndSet] {
      Meter(label: "tidelock_set", dimensions: [("set", set.description)], factory: metrics)
        .set(LockOperations.current == set ? 1 : 0)
    }
  }

  /// Counts switches that have not been counted.
  package mutating func count(_ history: SwitchHistory) {
    for report in history.after(switches) { count(report) }
    switches = history.count
  }

  private func count(_ report: SwitchReport) {
    let reason = report.reason.name.description
    let result = report.result.name.description
    Counter(
      label: "tidelock_switches_total", dimensions: [("reason", reason), ("result", result)],
      factory: metrics
    ).increment()
    timer("tidelock_switch_duration").recordNanoseconds(Int64(clamping: report.nanoseconds))
    timer("tidelock_switch_longest_stall")
      .recordNanoseconds(Int64(clamping: report.stallNanoseconds))
    let failed = report.failure != nil
    logger.log(
      level: failed ? .notice : .info,
      "The lock operations were \(failed ? "not " : "")switched from \(report.from) to \(report.to).",
      metadata: [
        "reason": .string(reason), "result": .string(result),
        "microseconds": .stringConvertible(report.nanoseconds / 1000),
        "longest_stall_microseconds": .stringConvertible(report.stallNanoseconds / 1000),
      ])
  }

  private func timer(_ label: String) -> Metrics.Timer {
    Metrics.Timer(label: label, dimensions: [], factory: metrics)
  }

  /// Counts decisions that have not been counted: those in a row that are alike are one entry.
  package mutating func count(_ decisions: [PolicyDecision]) {
    for entry in decisions {
      var count = entry.count
      if let decided {
        if entry.decision.time <= decided.decision.time { continue }
        // It has grown since.
        if entry.since == decided.since, entry.decision.reason == decided.decision.reason {
          count -= min(decided.count, count)
        }
      }
      Counter(
        label: "tidelock_decisions_total",
        dimensions: [("reason", entry.decision.reason.name.description)], factory: metrics
      ).increment(by: Int64(count))
    }
    guard let last = decisions.last else { return }
    decided = last
    if let steal = last.decision.steal {
      Meter(label: "tidelock_steal_ratio", factory: metrics).set(Double(steal) / 1_000_000)
    }
  }
}
