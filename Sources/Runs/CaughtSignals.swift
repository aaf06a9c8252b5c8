import Glibc
import Synchronization

/// The last signal that came and has not been asked for yet; zero if none.
private let caught = Atomic<CInt>(0)

/// Signals that are noted instead of ending the program, for a loop that looks now and then.
///
/// Noted by a handler, on whatever thread it runs: blocking them would take every thread there is,
/// and some belong to libraries. The handler stores one word and so interrupts nothing.
public struct CaughtSignals: ~Copyable {
  private let before: [(number: CInt, action: sigaction)]

  /// Those that ask a program to end.
  public static let endings = [SIGINT, SIGTERM, SIGHUP]

  /// Notes these signals for as long as the value lives.
  ///
  /// SIGHUP stays ignored where it is, as `nohup` asks.
  ///
  /// - Parameters:
  ///   - numbers: Which.
  ///   - once: Whether only the first is noted, and the next does what it did before.
  public init(_ numbers: [CInt], once: Bool = false) {
    // Made before a handler can come to it.
    caught.store(0, ordering: .relaxed)
    before = numbers.compactMap { number in
      var action = sigaction()
      var old = sigaction()
      // SAFETY: both structures outlive the calls, and the handler does what a handler may.
      unsafe sigaction(number, nil, &old)
      if number == SIGHUP, isIgnored(old) { return nil }
      unsafe action.__sigaction_handler.sa_handler = { caught.store($0, ordering: .relaxed) }
      action.sa_flags = SA_RESTART | (once ? CInt(bitPattern: UInt32(SA_RESETHAND)) : 0)
      unsafe sigaction(number, &action, nil)
      return (number, old)
    }
  }

  /// The signal that came since this was last asked, if one did.
  public func take() -> CInt? {
    let number = caught.exchange(0, ordering: .relaxed)
    return number == 0 ? nil : number
  }

  /// The last signal that came, for as long as nobody takes it.
  public static var last: CInt? {
    let number = caught.load(ordering: .relaxed)
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

private func isIgnored(_ action: sigaction) -> Bool {
  // SAFETY: the two functions of the union are one address, which is only compared.
  unsafe unsafeBitCast(action.__sigaction_handler.sa_handler, to: UInt.self)
    == unsafeBitCast(SIG_IGN, to: UInt.self)
}
