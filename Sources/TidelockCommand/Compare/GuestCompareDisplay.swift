import Runs
import Synchronization

/// Shows how the comparison in guests goes: a line with its seconds on a terminal, a line now and
/// then in a pipe.
final class GuestCompareDisplay: GuestDisplay {
  private let terminal: Terminal
  private let isSilent: Bool
  private let state: Synchronization.Mutex<State>

  private struct State {
    var live: LiveLines
    var load = ""
    var doing = ""
    var since = ContinuousClock.now
    var lastLine: ContinuousClock.Instant?
  }

  /// How often a pipe gets a line.
  private static let lineInterval = Duration.seconds(5)

  /// With `--json` standard output is left alone, and a terminal on standard error is drawn on.
  init(json: Bool) {
    terminal = Terminal(json ? .standardError : .standardOutput)
    isSilent = json && !terminal.isLive
    state = Synchronization.Mutex(State(live: LiveLines(terminal)))
  }

  /// Another guest.
  func enter(_ load: String) {
    state.withLock { state in
      state.load = load
      if !isSilent { state.live.print(load) }
    }
  }

  func begin(_ what: String) {
    state.withLock { state in
      (state.doing, state.since) = (what, .now)
      guard !terminal.isLive, !isSilent else { return }
      if let last = state.lastLine, .now - last < Self.lineInterval { return }
      state.lastLine = .now
      state.live.print(what)
    }
    tick()
  }

  func tick() {
    guard terminal.isLive, !isSilent else { return }
    state.withLock { state in
      let seconds = Int((ContinuousClock.now - state.since) / .seconds(1))
      state.live.draw([String("\(state.doing), \(seconds) s".prefix(max(1, terminal.width - 1)))])
    }
  }

  func close() { state.withLock { $0.live.close() } }

  /// The tables and what they come to.
  func end(_ comparison: Comparison) {
    comparison.show(on: terminal)
  }
}
