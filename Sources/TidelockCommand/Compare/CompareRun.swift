import Runs
import Synchronization
import Tidelock

/// One run of the comparison: a conductor that carries out the plan, and a watcher that shows it.
final class CompareRun: Sendable {
  /// What has happened so far.
  struct Record: Sendable {
    var loads: [Comparison.Load] = []
    var isVerified = true
    var failure: String?
    /// The load, the protocol, and how many switches there have been under this load.
    var load = 0
    var contestant = 0
    var switches = 0
    /// How far the run is, from 0 to 1.
    var share = 0.0
    /// Set before workers are sent home: from then on throughput means nothing.
    var isEnding = false
    var isFinished = false
  }

  private let plan: ComparePlan
  private let run = Run(Record())
  private let crew = Synchronization.Mutex<WorkerCrew<ProbedLoad.Findings>?>(nil)
  /// The set that the run begins and ends with, and the one that it switches to.
  private let home = LockOperations.current
  private var away: LockSet { home == .paravirtual ? .native : .paravirtual }

  init(_ plan: ComparePlan) { self.plan = plan }

  /// Runs everything, shows the progress, and returns what was measured.
  func execute(_ display: RunDisplay) -> Comparison {
    var shown = CompareDisplay(display, plan: plan)
    let interval = min(max(plan.seconds / 150, 0.02), 0.5)
    // Each load counts from zero.
    var rates = RateSampler(interval: interval / 2)
    let signal = run.conduct(
      every: interval, on: display, begin: { shown.begin() },
      look: {
        let record = run.record
        let now = run.elapsed
        if !record.isEnding { rates.note(crew.withLock { $0 }?.operations ?? 0, at: now) }
        shown.update(record, rates, elapsed: now)
      }
    ) { _ in self.conduct() }
    let end = run.record
    return Comparison(
      runner: .thread, loads: end.loads, isVerified: end.isVerified, signal: signal,
      failure: end.failure)
  }

  // MARK: Conducting

  private func conduct() {
    for index in plan.loads.indices where !run.isInterrupted {
      run.note { record in
        (record.load, record.switches, record.isEnding) = (index, 0, false)
      }
      conduct(plan.loads[index], index)
      if run.record.failure != nil { break }
    }
    run.note { $0.isFinished = true }
  }

  /// One load, from its first thread to its last; leaves the locks in the set it found.
  private func conduct(_ load: ComparePlan.Load, _ index: Int) {
    let probed = ProbedLoad()
    let crew = WorkerCrew(probed.work)
    self.crew.withLock { $0 = crew }
    var measures = plan.contestants.map { ContestantMeasure($0) }
    do {
      try crew.resize(to: load.threads)
      while !run.isInterrupted, !isOver(index) {
        for contestant in measures.indices where !run.isInterrupted {
          run.note { $0.contestant = contestant }
          for set in [away, home] {
            try change(to: set, probed.windows, crew, &measures[contestant])
            note(index, switches: measures.reduce(0) { $0 + $1.switches })
          }
        }
      }
    } catch {
      run.note { $0.failure = "\(error)" }
    }
    run.note { $0.isEnding = true }
    let findings = crew.dismiss()
    do {
      try LockOperations.switch(to: home)
    } catch {
      run.note { $0.failure = $0.failure ?? "\(error)" }
    }
    let isComplete = probed.isComplete(findings)
    let rows = measures.filter { $0.switches > 0 }.map { $0.row(findings) }
    run.note { record in
      record.isVerified = record.isVerified && isComplete
      record.loads.append(
        .init(name: load.name, runners: load.threads, cpus: plan.cpus, rows: rows))
    }
  }

  /// Whether there have been enough rounds under a load; every contestant has had at least one.
  private func isOver(_ load: Int) -> Bool {
    let switches = run.record.switches
    if let wanted = plan.switches { return switches >= wanted * plan.contestants.count }
    return switches > 0 && run.elapsed >= plan.seconds * Double(load + 1) / Double(plan.loads.count)
  }

  private func note(_ load: Int, switches: Int) {
    let loads = Double(plan.loads.count)
    let share =
      plan.switches.map {
        (Double(load) + Double(switches) / Double(max(1, $0 * plan.contestants.count))) / loads
      } ?? min(run.elapsed / plan.seconds, Double(load + 1) / loads)
    run.note { record in
      record.switches = switches
      record.share = min(share, 1)
    }
  }

  /// Switches once, measured, and then measures for as long without a switch.
  private func change(
    to set: LockSet, _ windows: GapWindows, _ crew: WorkerCrew<ProbedLoad.Findings>,
    _ measure: inout ContestantMeasure
  ) throws {
    _ = run.wait(ComparePlan.settling)
    let contestant = measure.contestant
    let from = LockOperations.current
    let before = crew.operations
    let (result, window) = windows.measure { () -> Result<SwitchReport, SwitchError> in
      do throws(SwitchError) {
        return .success(
          try LockOperations.switch(
            to: set, using: contestant.protocol, options: contestant.options,
            timeLimit: plan.timeLimit))
      } catch {
        return .failure(error)
      }
    }
    let measured = ContestantMeasure.Window(
      window: window, operations: crew.operations - before)
    switch result {
    case .success(let report): measure.note(report, measured, from: from, to: set)
    case .failure(let error) where error.report.result == .undone:
      measure.note(error.report, measured, from: from, to: set)
      // The way back is to be measured too.
      try LockOperations.switch(to: set, timeLimit: .seconds(60))
    case .failure(let error): throw error
    }
    for length in measure.takeOwed(in: set) where !run.isInterrupted {
      _ = run.wait(ComparePlan.settling)
      let before = crew.operations
      let (_, window) = windows.measure { run.wait(.nanoseconds(Int64(length))) }
      measure.note(quiet: .init(window: window, operations: crew.operations - before))
    }
  }
}
