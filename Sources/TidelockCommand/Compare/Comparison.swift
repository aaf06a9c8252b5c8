import Runs

/// The three protocols side by side, in programs or guests: the outcome of a comparison.
///
/// Durations are in microseconds.
struct Comparison: RunOutcome, Sendable {
  /// One load, under which every protocol switched.
  struct Load: Sendable {
    let name: String
    /// How many threads or vCPUs there were, and on how many CPUs of this machine.
    let runners: Int
    let cpus: Int
    var rows: [Row]

    var isOversubscribed: Bool { runners > cpus }
  }

  /// The results of one protocol, with its options, under one load.
  struct Row: Sendable {
    let `protocol`: String
    /// What distinguishes it from another row of the same protocol.
    let option: String?
    /// How many switches were started, and how many of them were undone.
    let switches: Int
    let undone: Int
    /// Of those that were done: how long each took.
    let took: Spread
    /// Of each runner in each switch: the longest gap in its progress.
    let gap: Spread
    /// The same for equally long windows without a switch.
    let quietGap: Spread
    /// Acquisitions per second in all switches, and in all windows without.
    let switchingPerSecond: Double
    let quietPerSecond: Double
    let breakpoints: UInt64

    var name: String { option.map { "\(`protocol`), \($0)" } ?? `protocol` }
    /// What switching adds to the p99 gap.
    var addedGap: Double { gap.p99 - quietGap.p99 }
    /// The share of the throughput that is lost while a switch lasts; negative if throughput rises.
    var lost: Double { quietPerSecond > 0 ? 1 - switchingPerSecond / quietPerSecond : 0 }
    var breakpointsPerSwitch: Double {
      switches > 0 ? Double(breakpoints) / Double(switches) : 0
    }

    var json: JSONObject {
      [
        "protocol": `protocol`, "option": option, "switches": switches, "undone": undone,
        "microseconds": took.json, "gap_microseconds": gap.json,
        "quiet_gap_microseconds": quietGap.json, "added_p99_gap_microseconds": addedGap,
        "switching_per_second": switchingPerSecond, "quiet_per_second": quietPerSecond,
        "lost": lost, "breakpoints": breakpoints, "breakpoints_per_switch": breakpointsPerSwitch,
      ]
    }
  }

  /// What runs on a CPU.
  enum Runner: String, Sendable {
    case thread, vCPU
  }

  /// What was measured.
  let runner: Runner
  var loads: [Load]
  /// Whether exclusion was kept, under every load.
  var isVerified: Bool
  /// The signal that ended it early.
  var signal: CInt?
  /// What else ended it early.
  var failure: String?

  /// Everything.
  var json: JSONObject {
    [
      "runner": runner.rawValue, "machine": Machine.current, "verified": isVerified,
      "interrupted": signal != nil, "error": failure,
      "loads": loads.map { load -> JSONObject in
        [
          "name": load.name, "runners": load.runners, "cpus": load.cpus,
          "rows": load.rows.map(\.json),
        ]
      },
    ]
  }
}
