import Foundation
import GuestTestBed
import Runs
import Synchronization

/// A line for each thing that happens.
final class GuestPolicyDisplay: GuestDisplay {
  private let terminal: Terminal
  private let isSilent: Bool
  private let lastLine = Synchronization.Mutex(ContinuousClock.now - .seconds(60))

  /// With `--json` standard output is left alone.
  init(json: Bool) {
    terminal = Terminal(json ? .standardError : .standardOutput)
    isSilent = json
  }

  func begin(_ what: String) { write(what) }
  func tick() {}
  func close() {}

  /// What the policy has decided last; every two seconds at most, but for changes.
  func show(_ phase: String, _ set: String, _ decision: GuestDecision) {
    let isDue = lastLine.withLock { last in
      guard decision.change != nil || ContinuousClock.now - last > .seconds(2) else { return false }
      last = .now
      return true
    }
    if isDue { write("\(phase): \(set); \(decision.words)") }
  }

  func end(_ report: GuestSwitchReport) {
    write(
      "switched from \(report.from) to \(report.to) in"
        + " \(Quantity.duration(microseconds: report.microseconds)), asked by \(report.reason)")
  }

  /// The tables and what it all came to.
  func end(_ outcome: GuestPolicyOutcome) {
    let width = terminal.isLive ? terminal.width : 120
    for table in outcome.tables where !table.isEmpty {
      terminal.write("\n\(table.title)\n\n" + table.text(width: width))
    }
    terminal.write("\n")
    for sentence in outcome.sentences { terminal.write(paragraph: sentence) }
  }

  private func write(_ line: String) {
    if !isSilent { terminal.write(line + "\n") }
  }
}

extension GuestDecision {
  /// For a terminal.
  var words: String {
    let names = ["steal", "native loses", "paravirtual loses"]
    let seen = names.compactMap { name in shares[name].map { "\(name) \($0) %" } }
    let why = change.map { "to \($0), \(reason)" } ?? reason
    return seen.isEmpty ? why : "\(why): \(seen.joined(separator: ", "))"
  }
}
