import Foundation
import GuestTestBed
import LockPlatform
import LockSwitching
import Runs
import Synchronization

/// Shows the progress of the guest's demo: redrawn lines on a terminal, a line for each event in a pipe.
///
/// Called by the run and, several times a second, by the thread that waits for it: a guest under load may
/// be slow to answer, but the seconds must keep counting.
final class GuestDemoDisplay: Sendable {
  private let plan: GuestDemoPlan
  private let display: RunDisplay
  private let state: Synchronization.Mutex<State>

  private struct State {
    /// Since when there has been load.
    var begin: ContinuousClock.Instant?
    /// Whether the load is measured now.
    var isMeasuring = false
    var set: LockSet
    var name = ""
    var position = ""
    var samples: [ThroughputPlot.Sample] = []
    /// How long the phases will have taken in the end: each switch adds to it.
    var total = 0.0
    var soak: GuestDemoRecord.Soak?

    var elapsed: Double { begin.map { (ContinuousClock.now - $0).seconds } ?? 0 }
  }

  init(_ display: RunDisplay, plan: GuestDemoPlan) {
    self.plan = plan
    self.display = display
    state = Synchronization.Mutex(State(set: plan.booted, total: plan.seconds))
  }

  /// Seconds since the load began.
  var elapsed: Double { state.withLock(\.elapsed) }

  /// Something begins that is not measured.
  func begin(_ what: String) {
    state.withLock { $0.isMeasuring = false }
    display.begin(what)
  }

  /// A run of a program or a switch begins: only its result gets a line.
  func enter(_ what: String) {
    state.withLock { state in
      state.begin = state.begin ?? .now
      state.isMeasuring = false
    }
    display.begin(what, every: nil)
  }

  /// A phase or a switch begins.
  func enter(_ set: LockSet, _ name: String, position: String) {
    state.withLock { state in
      state.begin = state.begin ?? .now
      state.isMeasuring = true
      (state.set, state.name, state.position) = (set, name, position)
    }
    tick()
  }

  /// There are new samples.
  func show(_ samples: [ThroughputPlot.Sample]) {
    let state = state.withLock { state in
      state.samples = samples
      return state
    }
    guard state.soak == nil, let last = samples.last else { return }
    display.show(
      "\(String(format: "%6.1f s", last.seconds))  \(state.set.name), \(state.name):"
        + " \(Quantity.count(last.perSecond)) acquisitions/s", every: .seconds(2))
  }

  func end(_ phase: GuestDemoRecord.Phase) {
    display.show(
      "\(phase.set.name), \(phase.name): \(Quantity.count(phase.perSecond)) acquisitions/s,"
        + " slowest vCPU \(Quantity.ratio(phase.fairness)) of the fastest")
  }

  func end(_ workload: GuestWorkload, _ phase: ProgramRuns.Phase, seconds: Double) {
    display.show(
      "\(phase.set.name), \(phase.name): \(workload.program.name) took"
        + " \(Quantity.duration(microseconds: seconds * 1e6))")
  }

  func end(_ report: GuestSwitchReport, lasted: Double) {
    state.withLock { $0.total += lasted }
    display.show(
      "switched from \(report.from) to \(report.to) in"
        + " \(Quantity.duration(microseconds: report.microseconds))")
  }

  /// The soak has made progress.
  func update(_ soak: GuestDemoRecord.Soak) {
    state.withLock { state in
      state.isMeasuring = true
      state.soak = soak
    }
    display.show(
      "soak: \(Quantity.exact(soak.made)) of \(Quantity.exact(soak.asked, "switch", "switches")),"
        + " \(Quantity.exact(soak.made - soak.done)) not done, \(Quantity.exact(soak.nmis, "NMI")),"
        + " about \(Quantity.duration(microseconds: soak.left * 1e6)) left", every: .seconds(10))
  }

  func end(_ soak: GuestDemoRecord.Soak) {
    state.withLock { $0.soak = nil }
    display.show(soak.sentence)
  }

  /// Draws what is redrawn.
  func tick() {
    let state = state.withLock { $0 }
    if state.isMeasuring { display.draw(progress(state)) } else { display.tick() }
  }

  private func progress(_ state: State) -> ProgressLines {
    if let soak = state.soak {
      let elapsed = state.elapsed - soak.start
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
      unit: "acquisitions", samples: state.samples, elapsed: state.elapsed, total: state.total)
  }
}
