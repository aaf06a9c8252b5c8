import Foundation
import GuestTestBed
import LockPlatform
import LockSwitching
import Runs
import Synchronization

/// Shows how the guest's demo goes: redrawn lines on a terminal, a line for each event in a pipe.
///
/// Told by the run and, several times a second, by whoever waits for it: a guest under load may be
/// slow to answer, and the seconds go on all the same.
final class GuestDemoDisplay: GuestDisplay {
  private let plan: GuestDemoPlan
  private let terminal: Terminal
  private let isSilent: Bool
  private let state: Synchronization.Mutex<State>

  private struct State {
    var live: LiveLines
    /// What goes on while nothing is measured, and since when.
    var doing: (what: String, since: ContinuousClock.Instant)?
    /// Since when there has been load.
    var begin: ContinuousClock.Instant?
    var set: LockSet
    var name = ""
    var position = ""
    var samples: [ThroughputPlot.Sample] = []
    /// How long the phases will have taken when they are over: each switch adds to it.
    var total = 0.0
    var soak: GuestDemoRecord.Soak?
    var lastLine = 0.0
  }

  /// How often a pipe gets a line, in seconds.
  private static let lineInterval = 2.0

  /// With `--json` standard output is left alone, and a terminal on standard error is drawn on.
  init(json: Bool, plan: GuestDemoPlan) {
    self.plan = plan
    terminal = Terminal(json ? .standardError : .standardOutput)
    isSilent = json && !terminal.isLive
    state = Synchronization.Mutex(
      State(live: LiveLines(terminal), set: plan.booted, total: plan.seconds))
  }

  /// Seconds since the load began.
  var elapsed: Double { state.withLock { Self.elapsed($0) } }

  private static func elapsed(_ state: borrowing State) -> Double {
    state.begin.map { (ContinuousClock.now - $0).seconds } ?? 0
  }

  /// Something begins that is not measured.
  func begin(_ what: String) {
    state.withLock { state in
      state.doing = (what, .now)
      // A terminal shows it with its seconds until it is over.
      if !terminal.isLive { line(what, &state) }
    }
    tick()
  }

  /// A run of a program or a switch begins: what it came to is worth a line, not that it begins.
  func enter(_ what: String) {
    state.withLock { state in
      if state.begin == nil { state.begin = .now }
      state.doing = (what, .now)
    }
    tick()
  }

  /// A phase or a switch begins.
  func enter(_ set: LockSet, _ name: String, position: String) {
    state.withLock { state in
      if state.begin == nil { state.begin = .now }
      state.doing = nil
      (state.set, state.name, state.position) = (set, name, position)
    }
    tick()
  }

  /// There are new samples.
  func show(_ samples: [ThroughputPlot.Sample]) {
    state.withLock { state in
      state.samples = samples
      let now = Self.elapsed(state)
      if !terminal.isLive, state.soak == nil, let last = samples.last,
        now - state.lastLine >= Self.lineInterval
      {
        state.lastLine = now
        let seconds = String(format: "%6.1f s", last.seconds)
        line(
          "\(seconds)  \(state.set.name), \(state.name):"
            + " \(Quantity.count(last.perSecond)) acquisitions/s", &state)
      }
    }
  }

  func end(_ phase: GuestDemoRecord.Phase) {
    state.withLock { state in
      line(
        "\(phase.set.name), \(phase.name): \(Quantity.count(phase.perSecond)) acquisitions/s,"
          + " slowest vCPU \(Quantity.ratio(phase.fairness)) of the fastest", &state)
    }
  }

  func end(_ workload: GuestWorkload, _ phase: ProgramRuns.Phase, seconds: Double) {
    state.withLock { state in
      line(
        "\(phase.set.name), \(phase.name): \(workload.program.name) took"
          + " \(Quantity.duration(microseconds: seconds * 1e6))", &state)
    }
  }

  func end(_ report: GuestSwitchReport, lasted: Double) {
    state.withLock { state in
      state.total += lasted
      line(
        "switched from \(report.from) to \(report.to) in"
          + " \(Quantity.duration(microseconds: report.microseconds))", &state)
    }
  }

  /// The soak has got on.
  func update(_ soak: GuestDemoRecord.Soak) {
    state.withLock { state in
      state.doing = nil
      state.soak = soak
      let now = Self.elapsed(state)
      if !terminal.isLive, now - state.lastLine >= 5 * Self.lineInterval {
        state.lastLine = now
        line(
          "soak: \(Quantity.exact(soak.made)) of \(Quantity.exact(soak.asked, "switch", "switches")),"
            + " \(Quantity.exact(soak.made - soak.done)) not done, \(Quantity.exact(soak.nmis, "NMI")),"
            + " about \(Quantity.duration(microseconds: soak.left * 1e6)) left", &state)
      }
    }
  }

  func end(_ soak: GuestDemoRecord.Soak) {
    state.withLock { state in
      state.soak = nil
      line(soak.sentence, &state)
    }
  }

  /// Draws what is redrawn.
  func tick() {
    guard terminal.isLive, !isSilent else { return }
    state.withLock { state in
      let width = terminal.width
      if let doing = state.doing {
        let text = "\(doing.what), \(Int((ContinuousClock.now - doing.since).seconds)) s"
        state.live.draw([String(text.prefix(max(1, width - 1)))])
      } else if state.begin != nil {
        state.live.draw(progress(state).lines(width: width, plain: terminal.isPlain))
      }
    }
  }

  private func progress(_ state: borrowing State) -> ProgressLines {
    let now = Self.elapsed(state)
    if let soak = state.soak {
      let elapsed = now - soak.start
      return ProgressLines(
        condition: "soak", tone: .plain,
        details: [
          "\(Quantity.exact(soak.made - soak.done)) not done", Quantity.exact(soak.nmis, "NMI"),
        ],
        position: "\(soak.made) of \(soak.asked)", unit: "acquisitions",
        samples: state.samples.map {
          .init(seconds: $0.seconds - soak.start, perSecond: $0.perSecond)
        }, elapsed: elapsed, total: elapsed + soak.left)
    }
    return ProgressLines(
      condition: state.set.name.description, tone: state.set.tone,
      details: [Quantity.exact(plan.vcpus, "vCPU"), state.name], position: state.position,
      unit: "acquisitions", samples: state.samples, elapsed: now, total: state.total)
  }

  /// Takes the redrawn lines away and gives the cursor back.
  func close() { state.withLock { $0.live.close() } }

  /// The tables and what it all came to.
  func end(_ outcome: GuestDemoOutcome) {
    close()
    let width = terminal.isLive ? terminal.width : 120
    if outcome.signal != nil {
      terminal.write(paragraph: "Interrupted: what was measured until then.")
    }
    for table in outcome.tables where !table.isEmpty {
      terminal.write("\n\(table.title)\n\n" + table.text(width: width))
    }
    terminal.write("\n")
    for sentence in outcome.sentences { terminal.write(paragraph: sentence) }
  }

  private func line(_ text: String, _ state: inout State) {
    if !isSilent { state.live.print(text) }
  }
}
