import Foundation
import Synchronization

/// Watches a run from the calling thread until `isFinished`.
///
/// The first SIGINT, SIGTERM or SIGHUP ends the run in order. A second ends the program at once: what is
/// left to do may be stuck in the very locks under test.
///
/// - Parameters:
///   - display: Its redrawn lines are removed before the program stops (SIGTSTP) or ends at once.
///   - interval: How often `look` is called, in seconds, besides whenever `wake` is signalled.
///   - wake: Signalled when the run is over.
///   - isPatient: Whether a second signal has no effect, because other processes must be ended first.
///   - isFinished: Whether the run is over.
///   - begin: Starts the run; signals are caught from then on.
///   - interrupt: Asks the run to end.
///   - look: Shows how far it is.
/// - Returns: The signal that ended it early.
public func watch(
  _ display: RunDisplay, every interval: Double, wake: DispatchSemaphore, isPatient: Bool = false,
  isFinished: () -> Bool, begin: () -> Void, interrupt: () -> Void, look: () -> Void
) -> CInt? {
  let signals = CaughtSignals(CaughtSignals.endings + [SIGTSTP])
  var signal: CInt?
  begin()
  while true {
    _ = wake.wait(timeout: .now() + interval)
    let caught = signals.take()
    if caught == SIGTSTP {
      // The shell gets its cursor back for as long as this process is stopped.
      display.close()
      raise(SIGSTOP)
    } else if let caught {
      if signal != nil, !isPatient {
        display.close()
        Foundation.exit(128 + caught)
      }
      if signal == nil { interrupt() }
      signal = signal ?? caught
    }
    // Before the last look, so that this one sees the end.
    let isLast = isFinished()
    look()
    if isLast { break }
  }
  display.close()
  return signal
}

/// Watches a run in a guest from the calling thread; returns its outcome, and the signal that ended it early.
///
/// Not asynchronous itself: that would be a thread of the runtime's pool, and those block every signal by
/// which stop-machine could gather them.
///
/// - Throws: What the run throws; ``RunStatus`` if a signal had ended it, since its error says no more.
public func watchGuest<Outcome: Sendable>(
  _ display: RunDisplay, look: (() -> Void)? = nil,
  _ run: @escaping @Sendable () async throws -> Outcome
) throws -> (Outcome, CInt?) {
  let end = End<Outcome>()
  let done = DispatchSemaphore(value: 0)
  var work: Task<Void, Never>?
  let signal = watch(
    display, every: 0.2, wake: done, isPatient: true,
    isFinished: { end.result.withLock { $0 != nil } },
    begin: {
      work = Task {
        let result: Result<Outcome, any Error>
        do { result = .success(try await run()) } catch { result = .failure(error) }
        end.result.withLock { $0 = result }
        done.signal()
      }
    },
    interrupt: {
      // Ends QEMU or the build, whichever runs.
      display.begin("ending the guest")
      work?.cancel()
    },
    look: look ?? { display.tick() })
  switch end.result.withLock({ $0 }) {
  case .success(let outcome)?: return (outcome, signal)
  case .failure(let error)?:
    if let signal { throw RunStatus(signal: signal) }
    throw error
  case nil: preconditionFailure("watched until there is a result")
  }
}

/// The result of a run in a guest, once it has ended.
private final class End<Outcome: Sendable>: Sendable {
  let result = Synchronization.Mutex<Result<Outcome, any Error>?>(nil)
}
