import Foundation

/// The three protocols side by side, wherever they were measured: what a comparison comes to.
///
/// Durations are in microseconds.
struct Comparison: Encodable, Sendable {
  /// One load, under which every protocol switched.
  struct Load: Encodable, Sendable {
    let name: String
    /// How many threads or vCPUs there were, and on how many CPUs of this machine.
    let runners: Int
    let cpus: Int
    var rows: [Row]

    var isOversubscribed: Bool { runners > cpus }
  }

  /// What one protocol, with its options, did under one load.
  struct Row: Encodable, Sendable {
    let `protocol`: String
    /// What tells it from another row of the same protocol.
    let option: String?
    /// How many switches were begun, and how many of them were undone.
    let switches: Int
    let undone: Int
    /// Of those that were done: how long each took.
    let took: Spread
    /// Of each runner in each switch: the longest gap in its progress.
    let gap: Spread
    /// The same of windows as long in which nothing was switched.
    let quietGap: Spread
    /// Acquisitions per second in all switches, and in all windows without.
    let switchingPerSecond: Double
    let quietPerSecond: Double
    let breakpoints: UInt64

    var name: String { option.map { "\(`protocol`), \($0)" } ?? `protocol` }
    /// What switching adds to the p99 gap.
    var addedGap: Double { gap.p99 - quietGap.p99 }
    /// The share of the throughput that is lost while a switch lasts; negative if there is more.
    var lost: Double { quietPerSecond > 0 ? 1 - switchingPerSecond / quietPerSecond : 0 }
    var breakpointsPerSwitch: Double {
      switches > 0 ? Double(breakpoints) / Double(switches) : 0
    }

    private enum Key: String, CodingKey {
      case `protocol`, option, switches, undone
      case took = "microseconds"
      case gap = "gapMicroseconds"
      case quietGap = "quietGapMicroseconds"
      case addedGap = "addedP99GapMicroseconds"
      case switchingPerSecond, quietPerSecond, lost, breakpoints, breakpointsPerSwitch
    }

    func encode(to encoder: any Encoder) throws {
      var object = encoder.container(keyedBy: Key.self)
      try object.encode(`protocol`, forKey: .protocol)
      try object.encode(option, forKey: .option)
      try object.encode(switches, forKey: .switches)
      try object.encode(undone, forKey: .undone)
      try object.encode(took, forKey: .took)
      try object.encode(gap, forKey: .gap)
      try object.encode(quietGap, forKey: .quietGap)
      try object.encode(addedGap, forKey: .addedGap)
      try object.encode(switchingPerSecond, forKey: .switchingPerSecond)
      try object.encode(quietPerSecond, forKey: .quietPerSecond)
      try object.encode(lost, forKey: .lost)
      try object.encode(breakpoints, forKey: .breakpoints)
      try object.encode(breakpointsPerSwitch, forKey: .breakpointsPerSwitch)
    }
  }

  /// What runs on a CPU.
  enum Runner: String, Encodable, Sendable {
    case thread, vCPU
  }

  /// What was measured.
  let runner: Runner
  var loads: [Load]
  /// Whether exclusion was kept, under every load.
  var isVerified: Bool
  let machine = Machine.current
  var interrupted = false
  /// What ended it early.
  var failure: String?

  private enum CodingKeys: String, CodingKey {
    case runner, loads, machine, interrupted
    case isVerified = "verified"
    case failure = "error"
  }

  /// One object with everything.
  func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(self), as: UTF8.self)
  }
}

/// How values are spread.
package struct Spread: Codable, Equatable, Sendable {
  package let median, p99, longest: Double

  /// Of nothing: zeros.
  package init(_ values: some Sequence<Double>) {
    let sorted = values.sorted()
    func quantile(_ share: Double) -> Double {
      sorted.isEmpty ? 0 : sorted[max(0, Int((share * Double(sorted.count)).rounded(.up)) - 1)]
    }
    (median, p99, longest) = (quantile(0.5), quantile(0.99), quantile(1))
  }
}
