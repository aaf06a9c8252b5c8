/// What CPUs met during a switch.
enum Measured {
  static func begin() {
    breakpoints.set(0)
    longestHold.set(0)
  }

  static func breakpoint(tookUntil: UInt64, since: UInt64) {
    breakpoints.add(1)
    hold(until: tookUntil, since: since)
  }

  /// Notes that a CPU was held up.
  ///
  /// Clocks of two CPUs may differ; one that goes back is no hold.
  static func hold(until: UInt64, since: UInt64) {
    if until > since { longestHold.raise(to: until &- since) }
  }

  static var values: (longestHold: UInt64, breakpoints: UInt64) {
    (longestHold.value, breakpoints.value)
  }
}

private let breakpoints = SharedWord(0)
private let longestHold = SharedWord(0)
