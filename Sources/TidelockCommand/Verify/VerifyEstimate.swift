import ProtocolModels

/// How long a run will still take, estimated from what its checks took before.
enum VerifyEstimate {
  static func secondsLeft(_ record: VerifyRun.Record, _ run: VerifyRun, elapsed: Double) -> Double {
    let all = run.checks.reduce(0) { $0 + weight($1) }
    var done = record.finished.reduce(0) { $0 + weight($1.result.check) }
    for current in record.current.values {
      done += min(Double(current.states), weight(current.check))
    }
    guard done > 0 else { return 0 }
    return max(0, elapsed * (all - done) / done)
  }

  private static func weight(_ check: Check) -> Double {
    Double(check.usualStates ?? (check.isLong ? 500_000 : 50_000))
  }
}
