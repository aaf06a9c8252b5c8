import Glibc
import Synchronization

/// The last signal that arrived and has not been read yet; zero if none.
private let caught = Atomic<CInt>(0)

/// Signals that are recorded instead of ending the program, for a loop that polls them.
///
/// A handler records them, on whatever thread it runs: blocking them instead would have to be done on
/// every thread, and some belong to libraries. The handler only stores one word, so it disturbs nothing.
public struct CaughtSignals: ~Copyable {
  private let before: [(number: CInt, action: sigaction)]

  /// Those that ask a program to end.
  public static let endings = [SIGINT, SIGTERM, SIGHUP]

  /// Records these signals for as long as the value lives.
  ///
  /// SIGHUP stays ignored where it is ignored, as `nohup` asks.
  ///
  /// - Parameters:
  ///   - numbers: Which signals.
  ///   - once: Whether only the first is recorded, and the next has its previous effect.
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

  /// The signal that arrived since the last call, if any.
  public func take() -> CInt? {
    let number = caught.exchange(0, ordering: .relaxed)
    return number == 0 ? nil : number
  }

  /// The last signal that arrived, until it is taken.
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
