import ArgumentParser
import Foundation
import Synchronization

/// What shows how a run in a guest goes.
protocol GuestDisplay: Sendable {
  /// Something begins.
  func begin(_ what: String)
  /// Some time has passed.
  func tick()
  /// Takes away what is redrawn.
  func close()
}

/// Waits for a run in a guest, redraws meanwhile, and ends it in order when a signal comes.
///
/// Returns what the run returns, and the signal.
func watchGuest<Outcome: Sendable>(
  _ display: some GuestDisplay, _ run: @escaping @Sendable () async throws -> Outcome
) async throws -> (Outcome, CInt?) {
  let signals = CaughtSignals([SIGINT, SIGTERM, SIGHUP, SIGTSTP])
  let isOver = Synchronization.Mutex(false)
  let work = Task {
    defer { isOver.withLock { $0 = true } }
    return try await run()
  }
  var signal: CInt?
  while !isOver.withLock({ $0 }) {
    try? await Task.sleep(for: .milliseconds(200))
    display.tick()
    let caught = signals.take()
    if caught == SIGTSTP {
      // The shell gets its cursor for the time that we are stopped.
      display.close()
      raise(SIGSTOP)
    } else if let caught, signal == nil {
      // Ends QEMU or the build, whichever runs; asking twice is no faster.
      signal = caught
      display.begin("ending the guest")
      work.cancel()
    }
  }
  display.close()
  do {
    return (try await work.value, signal)
  } catch {
    // What a run that was ended says is of no use to who ended it.
    if let signal { throw ExitCode(128 + signal) }
    throw error
  }
}
