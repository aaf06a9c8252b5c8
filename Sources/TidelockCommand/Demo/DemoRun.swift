import Foundation
import Runs
import Synchronization
import Tidelock

/// One run of the demo: a conductor that carries out the plan, and a watcher that samples it.
final class DemoRun: Sendable {
  /// A phase as it was measured.
  struct Phase: Sendable {
    let name: String
    let set: LockSet
    let threads: Int
    let start: Double
    let end: Double
    let operationsPerSecond: Double
  }

  /// What has happened so far; times are seconds since the run began.
  struct Record: Sendable {
    var phases: [Phase] = []
    var switches: [(report: SwitchReport, at: Double)] = []
    /// What the policy decided, where one does.
    var decisions: [DemoDecision] = []
    /// What it could not see, and why.
    var missing: [String] = []
    var failure: String?
    /// The phase or switch going on.
    var current = Current(name: "", threads: 0)
    var tallies: [Tally] = []
    /// Set before the workers are sent home: from then on throughput means nothing.
    var isEnding = false
    var isFinished = false

    struct Current: Sendable {
      var name: String
      var threads: Int
    }
  }

  private let plan: DemoPlan
  private let counter: WordCounter
  private let crew: WorkerCrew<Tally>
  private let run = Run(Record())
  /// When it began, on the clock of decisions.
  private let beginNanoseconds = DispatchTime.now().uptimeNanoseconds
  /// How many of the policy's switches have been recorded.
  private let noted = Synchronization.Mutex(0)

  init(_ plan: DemoPlan, _ counter: WordCounter) {
    self.plan = plan
    self.counter = counter
    crew = WorkerCrew(counter.work)
  }

  /// Runs everything, shows the progress, and returns what was measured.
  func execute(_ display: RunDisplay) -> DemoOutcome {
    var shown = DemoDisplay(display, plan: plan)
    let interval = min(max(plan.seconds / 150, 0.02), 0.5)
    var rates = RateSampler(interval: interval / 2)
    rates.note(0, at: run.elapsed)
    let signal = run.conduct(
      every: interval, on: display, begin: { shown.begin(counter) },
      look: {
        noteDecisions()
        let record = run.record
        let now = run.elapsed
        if !record.isEnding { rates.note(crew.operations, at: now) }
        shown.update(record, rates, elapsed: now)
      }
    ) { _ in self.conduct() }
    let end = run.record
    return DemoOutcome(
      plan: plan, counter: counter, record: end, samples: rates.samples,
      proof: counter.prove(end.tallies), signal: signal)
  }

  /// Carries out the plan, up to an interruption or a failure if there is one, and leaves the program
  /// without workers and with native locks.
  private func conduct() {
    do {
      // The demo begins in native, like most locks; a program starts in paravirtual.
      try LockOperations.switch(to: .native)
      if plan.followsLoad {
        noted.withLock { $0 = LockOperations.history.count }
        try LockPolicy.automatic.start()
      }
      for step in plan.steps where !run.isInterrupted {
        switch step {
        case .phase(let name, let threads):
          run.note { $0.current = .init(name: name, threads: threads) }
          try crew.resize(to: threads)
          measure(name, threads: threads)
        case .switchTo(let set):
          try change(to: set)
        }
      }
    } catch {
      run.note { $0.failure = "\(error)" }
    }
    run.note { $0.isEnding = true }
    if plan.followsLoad {
      LockPolicy.automatic.stop()
      noteDecisions()
    }
    let tallies = crew.dismiss()
    if LockOperations.current != .native {
      do {
        try change(to: .native)
      } catch {
        run.note { $0.failure = $0.failure ?? "\(error)" }
      }
    }
    run.note { record in
      record.tallies = tallies
      record.isFinished = true
    }
  }

  /// Lets a phase settle for a tenth of its length and measures the rest: the first moments before a
  /// collapse would outweigh everything after them.
  private func measure(_ name: String, threads: Int) {
    let start = run.elapsed
    guard !run.wait(plan.phaseLength / 10) else { return }
    let settled = (seconds: run.elapsed, operations: crew.operations)
    _ = run.wait(plan.phaseLength * 9 / 10)
    let end = (seconds: run.elapsed, operations: crew.operations)
    let duration = max(end.seconds - settled.seconds, 1e-9)
    let rate = Double(end.operations - settled.operations) / duration
    let phase = Phase(
      name: name, set: LockOperations.current, threads: threads, start: start, end: end.seconds,
      operationsPerSecond: rate)
    run.note { $0.phases.append(phase) }
  }

  /// What the policy has decided and done meanwhile.
  private func noteDecisions() {
    guard plan.followsLoad else { return }
    let at = run.elapsed
    let history = LockOperations.history
    let new = noted.withLock { noted in
      defer { noted = history.count }
      return history.after(noted).filter { $0.reason == .policy }
    }
    let decisions = LockPolicy.decisions.map { DemoDecision($0, since: beginNanoseconds) }
    run.note { record in
      record.switches += new.map { ($0, at) }
      record.decisions = decisions
      record.missing = LockPolicy.missing
    }
  }

  private func change(to set: LockSet) throws {
    let at = run.elapsed
    run.note { $0.current.name = "switching to \(set)" }
    let report = try LockOperations.switch(
      to: set, using: plan.protocol, poking: plan.poke)
    run.note { $0.switches.append((report, at)) }
  }
}
