import Glibc
import Synchronization

/// The last signal that came and has not been asked for yet; zero if none.
private let caught = Atomic<CInt>(0)

/// Signals that are noted instead of ending the program, for a loop that looks now and then.
///
/// Noted by a handler, on whatever thread it runs: blocking them would take every thread there is,
/// and some belong to libraries. The handler stores one word and so interrupts nothing.
struct CaughtSignals: ~Copyable {
  private let before: [(number: CInt, action: sigaction)]

  init(_ numbers: [CInt]) {
    // Made before a handler can come to it.
    caught.store(0, ordering: .relaxed)
    before = numbers.map { number in
      var action = sigaction()
      var old = sigaction()
      // SAFETY: both structures outlive the calls, and the handler does what a handler may.
      unsafe action.__sigaction_handler.sa_handler = { caught.store($0, ordering: .relaxed) }
      action.sa_flags = SA_RESTART
      unsafe sigaction(number, &action, &old)
      return (number, old)
    }
  }

  /// The signal that came since this was last asked, if one did.
  func take() -> CInt? {
    let number = caught.exchange(0, ordering: .relaxed)
    return number == 0 ? nil : number
  }

  deinit {
    for (number, action) in before {
      var action = action
      // SAFETY: the structure is the one that the system gave for this signal.
      unsafe sigaction(number, &action, nil)
    }
  }
}
