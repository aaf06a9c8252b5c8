import Synchronization

/// What is shown during a run: redrawn lines on a terminal, plain ones in a pipe.
///
/// Any thread may call it.
public final class RunDisplay: Sendable {
  /// Where it is shown.
  public let terminal: Terminal
  private let isSilent: Bool
  // The standard library's mutex: the display must not depend on the locks that it shows.
  private let state: Synchronization.Mutex<State>

  private struct State {
    var live: LiveLines
    /// What goes on while nothing is measured, and since when.
    var doing: (what: String, since: ContinuousClock.Instant)?
    /// When a pipe last got one of the lines that are limited in rate.
    var lastLine: ContinuousClock.Instant?
  }

  /// With `--json` standard output is left alone, and a terminal on standard error is drawn on.
  public convenience init(json: Bool) {
    let terminal = Terminal(json ? .standardError : .standardOutput)
    self.init(on: terminal, isSilent: json && !terminal.isLive)
  }

  /// Shows a run there, unless it is silent.
  public init(on terminal: Terminal, isSilent: Bool = false) {
    self.terminal = terminal
    self.isSilent = isSilent
    state = Synchronization.Mutex(State(live: LiveLines(terminal)))
  }

  /// Whether lines are redrawn.
  public var isLive: Bool { terminal.isLive }

  /// Shows a line that stays.
  public func show(_ line: String) {
    if !isSilent { state.withLock { $0.live.print(line) } }
  }

  /// Prints a line into a pipe, at most one each `interval` and none before the first has passed.
  public func show(_ line: String, every interval: Duration) {
    state.withLock { showNow(line, every: interval, &$0, isFirstDue: false) }
  }

  /// Something begins that is not measured: a terminal shows it and counts the seconds; a pipe gets a
  /// line, at most one each `interval`, none if that is nil.
  public func begin(_ what: String, every interval: Duration? = .zero) {
    state.withLock { state in
      state.doing = (what, .now)
      if let interval { showNow(what, every: interval, &state, isFirstDue: true) }
    }
    tick()
  }

  private func showNow(
    _ line: String, every interval: Duration, _ state: inout State,
    isFirstDue: Bool
  ) {
    guard !terminal.isLive, !isSilent else { return }
    let isDue = state.lastLine.map { .now - $0 >= interval } ?? isFirstDue
    if state.lastLine == nil || isDue { state.lastLine = .now }
    if isDue { state.live.print(line) }
  }

  /// Redraws the seconds of what goes on.
  public func tick() {
    guard terminal.isLive else { return }
    state.withLock { state in
      guard let doing = state.doing else { return }
      let text = "\(doing.what), \(Int((ContinuousClock.now - doing.since).seconds)) s"
      state.live.draw([String(text.prefix(max(1, terminal.width - 1)))])
    }
  }

  /// Redraws the progress of a measurement.
  public func draw(_ lines: ProgressLines) {
    draw(lines.lines(width: terminal.width, plain: terminal.isPlain))
  }

  /// Redraws lines, each cut to the width of the terminal.
  public func draw(_ lines: [String]) {
    guard terminal.isLive else { return }
    state.withLock { state in
      state.doing = nil
      let width = max(1, terminal.width - 1)
      state.live.draw(lines.map { $0.count > width ? String($0.prefix(width)) : $0 })
    }
  }

  /// Removes the redrawn lines and restores the cursor.
  public func close() { state.withLock { $0.live.close() } }

  /// Shows the results of a run: its tables, and what they say.
  public func end(_ outcome: some RunOutcome) {
    close()
    let width = terminal.width(inPipe: outcome.pipeWidth)
    if outcome.signal != nil {
      terminal.write(paragraph: "Interrupted. The results up to then:")
    }
    for table in outcome.tables(width: width) where !table.isEmpty {
      terminal.write("\n")
      terminal.write(paragraph: table.title)
      terminal.write("\n" + table.text(width: width))
    }
    terminal.write("\n")
    for sentence in outcome.sentences { terminal.write(paragraph: sentence) }
  }
}
