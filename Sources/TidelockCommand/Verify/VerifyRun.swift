import Foundation
import ModelChecker
import ProtocolModels
import Runs
import Synchronization

/// One run: workers that explore one check after the other, and a watcher that shows how it goes.
final class VerifyRun: Sendable {
  /// What one worker is at.
  struct Current: Sendable {
    let check: Check
    var states = 0
    var steps = 0
    /// The failure is found, and a schedule that is easier to read is looked for.
    var isShortening = false
  }

  /// What has happened so far.
  struct Record: Sendable {
    /// How many checks have been begun.
    var begun = 0
    /// By the number of the worker.
    var current: [Int: Current] = [:]
    /// By the index of the check, in the order in which they ended.
    var finished: [(index: Int, result: CheckResult)] = []
    var workersLeft: Int
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
  private let record: Synchronization.Mutex<Record>
  private let interrupted = Atomic<Bool>(false)
  private let finish = DispatchSemaphore(value: 0)
  private let begin = ContinuousClock.now

  init(_ checks: [Check], _ search: Search, jobs: Int, seconds: Double, _ folder: ScheduleFolder) {
    self.checks = checks
    self.search = search
    self.jobs = min(jobs, checks.count)
    self.seconds = seconds
    self.folder = folder
    record = Synchronization.Mutex(Record(workersLeft: self.jobs))
  }

  var elapsed: Double { (ContinuousClock.now - begin).seconds }

  /// Runs it all, showing how it goes.
  func execute(display: inout VerifyDisplay) -> VerifyOutcome {
    let signals = CaughtSignals([SIGINT, SIGTERM, SIGHUP, SIGTSTP])
    display.begin()
    for worker in 0..<jobs { Thread.detachNewThread { self.work(worker) } }
    var signal: CInt?
    while true {
      _ = finish.wait(timeout: .now() + 0.2)
      let caught = signals.take()
      if caught == SIGTSTP {
        // The shell gets its cursor for the time that we are stopped.
        display.close()
        raise(SIGSTOP)
      } else if let caught {
        if signal != nil {
          display.close()
          Foundation.exit(128 + caught)
        }
        signal = caught
        interrupted.store(true, ordering: .relaxed)
      }
      let record = record.withLock { $0 }
      display.update(record)
      if record.workersLeft == 0 { break }
    }
    display.close()
    let end = record.withLock { $0 }
    return VerifyOutcome(
      wanted: checks.count, search: search, jobs: jobs,
      results: end.finished.sorted { $0.index < $1.index }.map(\.result), seconds: elapsed,
      failure: end.failure, signal: signal)
  }

  private var goesOn: Bool { !interrupted.load(ordering: .relaxed) }

  private func work(_ worker: Int) {
    while goesOn {
      let next: Int? = record.withLock { record in
        guard record.begun < checks.count, record.failure == nil else { return nil }
        record.begun += 1
        record.current[worker] = Current(check: checks[record.begun - 1])
        return record.begun - 1
      }
      guard let next else { break }
      let result = verify(checks[next], worker)
      record.withLock { record in
        record.current[worker] = nil
        if let result { record.finished.append((next, result)) }
      }
    }
    record.withLock { record in
      record.current[worker] = nil
      record.workersLeft -= 1
    }
    finish.signal()
  }

  /// Nil if it was interrupted.
  private func verify(_ check: Check, _ worker: Int) -> CheckResult? {
    let before = Self.threadSeconds
    let exploration = check.model.explore(Limits(seconds: seconds), by: search) { progress in
      record.withLock {
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
      record.withLock { $0.current[worker]?.isShortening = true }
      // Of an interrupted search the best so far is good enough.
      let short = check.model.shorten(failure) { goesOn }
      do throws(OutputError) {
        result.schedule = try folder.write(short, of: check)
      } catch {
        record.withLock { $0.failure = $0.failure ?? error }
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

  /// What this thread has used of its CPU.
  private static var threadSeconds: Double {
    var time = timespec()
    // SAFETY: the structure outlives the call.
    unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}
