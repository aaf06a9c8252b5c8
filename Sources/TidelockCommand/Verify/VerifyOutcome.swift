import ModelChecker
import ProtocolModels
import Runs

/// The outcome of `tidelock verify`.
struct VerifyOutcome: RunOutcome {
  /// How many checks were to be run.
  let wanted: Int
  let search: Search
  let jobs: Int
  let results: [CheckResult]
  let seconds: Double
  let error: OutputError?
  /// The signal that ended the run early.
  let signal: CInt?

  var unexpected: [CheckResult] { results.filter { !$0.isAsExpected } }
  var states: Int { results.reduce(0) { $0 + $1.exploration.states } }
  var steps: Int { results.reduce(0) { $0 + $1.exploration.steps } }
  var isAsExpected: Bool { unexpected.isEmpty && results.count == wanted }
  /// Proved, and not only tried.
  var isVerified: Bool { isAsExpected && search == .exhaustive }

  /// By the CPU time of the explorations, so that other programs do not count.
  var stepsPerSecondAndCore: Double {
    Double(steps) / max(results.reduce(0) { $0 + $1.cpuSeconds }, 1e-9)
  }

  var failure: String? { error?.description }
  var holds: Bool { unexpected.isEmpty }

  var json: JSONObject {
    [
      "machine": Machine.current, "checks": results.map(\.json), "states": states, "steps": steps,
      "jobs": jobs, "seconds": seconds, "steps_per_second_and_core": stepsPerSecondAndCore,
      "unexpected": unexpected.count, "not_checked": wanted - results.count,
      "verified": isVerified, "interrupted": signal != nil, "error": failure,
    ]
  }
}

extension CheckResult {
  fileprivate var json: JSONObject {
    let (verdict, flaw): (String, Flaw?) =
      switch exploration.verdict {
      case .holds: ("holds", nil)
      case .fails(let failure): ("fails", failure.flaw)
      case .cut: ("cut", nil)
      }
    return [
      "name": check.id, "group": check.group.rawValue, "bounds": check.bounds,
      "cpus": check.model.lockers, "memory_model": check.model.program.memoryModel,
      "expected": check.expectation, "verdict": verdict, "flaw": flaw,
      "is_as_expected": isAsExpected, "is_complete": verdict == "holds",
      "states": exploration.states, "steps": exploration.steps, "depth": exploration.depth,
      "seconds": exploration.seconds, "cpu_seconds": cpuSeconds, "schedule": schedule,
    ]
  }
}
