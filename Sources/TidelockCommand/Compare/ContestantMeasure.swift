import Runs
import Tidelock

/// The measurements of one contestant under one load.
struct ContestantMeasure: Sendable {
  /// A window of the threads' probes, and how many locks were taken in it.
  struct Window: Sendable {
    let window: GapWindow
    let operations: Int
  }

  let contestant: ComparePlan.Contestant
  private(set) var switches = 0
  private var undone = 0
  private var breakpoints: UInt64 = 0
  private var microseconds: [Double] = []
  private var switching: [Window] = []
  private var quiet: [Window] = []
  /// Windows without a switch that are still to come, by the set they are to be measured in.
  ///
  /// A switch is compared with windows of its length in the set it began with and in the one it led to:
  /// both sets make gaps of their own.
  private var owed: [LockSet: [UInt64]] = [:]

  init(_ contestant: ComparePlan.Contestant) { self.contestant = contestant }

  /// A switch was done or undone.
  mutating func note(_ report: SwitchReport, _ window: Window, from: LockSet, to: LockSet) {
    switches += 1
    breakpoints += report.breakpoints
    if report.result == .undone {
      undone += 1
    } else {
      microseconds.append(Double(report.nanoseconds) / 1000)
    }
    switching.append(window)
    for set in [from, to] { owed[set, default: []].append(window.window.nanoseconds) }
  }

  mutating func note(quiet window: Window) { quiet.append(window) }

  /// The lengths of the windows that can be measured now.
  mutating func takeOwed(in set: LockSet) -> [UInt64] { owed.removeValue(forKey: set) ?? [] }

  /// All of it, with what the threads' probes found.
  func row(_ findings: [ProbedLoad.Findings]) -> Comparison.Row {
    func gaps(_ windows: [Window]) -> Spread {
      Spread(
        windows.flatMap { window in
          findings.compactMap { $0.gaps.longest(in: window.window).map { Double($0) / 1000 } }
        }) ?? .none
    }
    func perSecond(_ windows: [Window]) -> Double {
      let seconds = windows.reduce(0) { $0 + Double($1.window.nanoseconds) } / 1e9
      return seconds > 0 ? Double(windows.reduce(0) { $0 + $1.operations }) / seconds : 0
    }
    return Comparison.Row(
      protocol: contestant.protocol.description, option: contestant.option, switches: switches,
      undone: undone, took: Spread(microseconds) ?? .none, gap: gaps(switching),
      quietGap: gaps(quiet),
      switchingPerSecond: perSecond(switching), quietPerSecond: perSecond(quiet),
      breakpoints: breakpoints)
  }
}
