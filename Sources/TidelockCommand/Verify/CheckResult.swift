import ModelChecker
import ProtocolModels

/// The result of one check.
struct CheckResult: Sendable {
  let check: Check
  let exploration: Exploration
  /// The CPU time of the exploration.
  let cpuSeconds: Double
  /// The file of a failing schedule, if one was written.
  var schedule: String?
  /// Whether the failing schedule fails when it is carried out alone; if it does not, the model depends on
  /// something outside its state.
  var isReproducible = true

  var isAsExpected: Bool {
    switch (exploration.verdict, check.expectation) {
    case (.holds, .holds): true
    case (.fails, .fails): isReproducible
    // That is all that was requested.
    case (.cut, .holds): isSearchDone
    default: false
    }
  }

  /// Whether the search ended where it was told to, and not for lack of memory or time.
  private var isSearchDone: Bool {
    switch exploration.verdict {
    case .cut(.preemptions), .cut(.schedules): true
    default: false
    }
  }

  /// `complete`, or which limit was reached.
  var extent: String {
    switch exploration.verdict {
    case .holds: "complete"
    case .fails: "to the failure"
    case .cut(let cut): "cut: \(cut.rawValue)"
    }
  }

  /// The verdict for people: capitals where it is not as expected.
  var verdict: String {
    switch (exploration.verdict, check.expectation) {
    case _ where !isReproducible: "NOT REPRODUCIBLE"
    case (.holds, .holds): "holds"
    case (.holds, .fails): "HOLDS, AND MUST NOT"
    case (.fails(let failure), .fails): "fails, as it must: \(failure.flaw)"
    case (.fails(let failure), .holds): "FAILS: \(failure.flaw)"
    case (.cut, .holds) where isSearchDone: "no failure found"
    case (.cut, .fails) where isSearchDone: "NO FAILURE FOUND"
    case (.cut, _): "NOT DECIDED"
    }
  }
}
