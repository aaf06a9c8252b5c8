import Foundation

/// What a loop over a run is to do next.
enum WatchEvent {
  /// Start: signals are caught from now on.
  case begin
  /// Look how far the run is, and show it.
  case look
  /// Take away what is drawn: the program is about to stop for a while, or to end at once.
  case close
  /// End the run in order.
  case interrupt
}

/// Watches a run from the calling thread until `isFinished`; returns the signal that ended it early.
///
/// `handle` is called every `interval` seconds and whenever `wake` is signalled. The first SIGINT or
/// SIGTERM asks the run to end in order; the second ends the program, since what is left to do may
/// hang on the very locks under test.
func watchRun(
  wake: DispatchSemaphore, interval: Double, isFinished: () -> Bool,
  handle: (WatchEvent) -> Void
) -> CInt? {
  let signals = CaughtSignals([SIGINT, SIGTERM, SIGTSTP])
  var signal: CInt?
  handle(.begin)
  while true {
    _ = wake.wait(timeout: .now() + interval)
    let caught = signals.take()
    if caught == SIGTSTP {
      // The shell gets its cursor for the time that we are stopped.
      handle(.close)
      raise(SIGSTOP)
    } else if let caught {
      if signal != nil {
        handle(.close)
        Foundation.exit(128 + caught)
      }
      signal = caught
      handle(.interrupt)
    }
    // Before the last look, so that this one sees the end.
    let isLast = isFinished()
    handle(.look)
    if isLast { break }
  }
  handle(.close)
  return signal
}
