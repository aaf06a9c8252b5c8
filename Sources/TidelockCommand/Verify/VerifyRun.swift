import Foundation
import ModelChecker
import ProtocolModels
import Runs

/// One run: workers that explore one check after the other, and a watcher that shows the progress.
final class VerifyRun: Sendable {
  /// What one worker is doing.
  struct Current: Sendable {
    let check: Check
    var states = 0
    var steps = 0
    /// The failure is found; now looking for a schedule that is easier to read.
    var isShortening = false
  }

  /// What has happened so far.
  struct Record: Sendable {
    /// How many checks have been started.
    var begun = 0
    /// By the number of the worker.
    var current: [Int: Current] = [:]
    /// By the index of the check, in the order in which they ended.
    var finished: [(index: Int, result: CheckResult)] = []
    var failure: OutputError?

    var steps: Int {
      finished.reduce(0) { $0 + $1.result.exploration.steps }
        + current.values.reduce(0) { $0 + $1.steps }
    }
  }

  let checks: [Check]
  let jobs: Int
  let search: Search
  private let seconds: Double
  private let folder: ScheduleFolder
  private let run = Run(Record())

  init(_ checks: [Check], _ search: Search, jobs: Int, seconds: Double, _ folder: ScheduleFolder) {
    self.checks = checks
    self.search = search
    self.jobs = min(jobs, checks.count)
    self.seconds = seconds
    self.folder = folder
  }

  /// Runs everything and shows the progress.
  func execute(_ display: RunDisplay) -> VerifyOutcome {
    var shown = VerifyDisplay(display, self)
    let signal = run.conduct(
      threads: jobs, every: 0.2, on: display, begin: { shown.begin() },
      look: {
        let isFinished = run.isFinished
        shown.update(run.record, isFinished: isFinished, elapsed: run.elapsed)
      }, work)
    let end = run.record
    return VerifyOutcome(
      wanted: checks.count, search: search, jobs: jobs,
      results: end.finished.sorted { $0.index < $1.index }.map(\.result), seconds: run.elapsed,
      error: end.failure, signal: signal)
  }

  private var goesOn: Bool { !run.isInterrupted }

  private func work(_ worker: Int) {
    while goesOn {
      let next: Int? = run.note { record in
        guard record.begun < checks.count, record.failure == nil else { return nil }
        record.begun += 1
        record.current[worker] = Current(check: checks[record.begun - 1])
        return record.begun - 1
      }
      guard let next else { break }
      let result = verify(checks[next], worker)
      run.note { record in
        record.current[worker] = nil
        if let result { record.finished.append((next, result)) }
      }
    }
    run.note { $0.current[worker] = nil }
  }

  /// Nil if it was interrupted.
  private func verify(_ check: Check, _ worker: Int) -> CheckResult? {
    let before = Self.threadSeconds
    let exploration = check.model.explore(Limits(seconds: seconds), by: search) { progress in
      run.note {
        $0.current[worker]?.states = progress.states
        $0.current[worker]?.steps = progress.steps
      }
      return goesOn
    }
    guard goesOn else { return nil }
    var result = CheckResult(
      check: check, exploration: exploration, cpuSeconds: Self.threadSeconds - before)
    guard case .fails(let failure) = exploration.verdict else { return result }
    result.isReproducible = isReproducible(failure, of: check)
    if folder.writesExpected || !result.isAsExpected {
      run.note { $0.current[worker]?.isShortening = true }
      // If the search is interrupted, the best schedule so far is good enough.
      let short = check.model.shorten(failure) { goesOn }
      do throws(OutputError) {
        result.schedule = try folder.write(short, of: check)
      } catch {
        run.note { $0.failure = $0.failure ?? error }
      }
    }
    return result
  }

  private func isReproducible(_ failure: Failure, of check: Check) -> Bool {
    do {
      return try check.model.replay(failure.schedule, cycle: failure.cycle) == failure.flaw
    } catch {
      return false
    }
  }

  /// The CPU time of this thread.
  private static var threadSeconds: Double {
    var time = timespec()
    // SAFETY: the structure outlives the call.
    unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}
