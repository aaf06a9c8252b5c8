import GuestTestBed
import Runs

/// The record of a guest that followed its host; times are seconds since the load began.
struct GuestPolicyRecord: Sendable {
  struct Phase: Encodable, Sendable {
    let name: String
    /// Whether the host's CPUs had other work.
    let isStolen: Bool
    let start, end: Double
    /// The set at its end.
    let set: String
    let acquisitionsPerSecond: Double
  }

  struct Switch: Sendable {
    /// When it was seen to be over, from outside.
    let at: Double
    let report: GuestSwitchReport
  }

  var phases: [Phase] = []
  var switches: [Switch] = []
  var decisions: [GuestDecision] = []
  var rates = RateSampler()
  /// The share of steal that the last decision before each look had seen, in per cent.
  var steal: [(seconds: Double, share: Double)] = []
  var exclusion: Bool?
  var isRestored: Bool?
  var failure: String?
  var hasBegun = false

  /// How long it took from the beginning of a phase until a set was seen in force.
  func delay(to set: String, isStolen: Bool) -> Double? {
    guard
      let phase = phases.last(where: { $0.isStolen == isStolen && $0.start > 0.5 }),
      let change = switches.first(where: {
        $0.at >= phase.start && $0.report.to == set && $0.report.result == "done"
      })
    else { return nil }
    return change.at - phase.start
  }
}
