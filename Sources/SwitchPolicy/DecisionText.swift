import LockPlatform

extension DecisionLog.Entry {
  /// Writes the entry as a line of text, byte by byte, without allocation: for sysfs.
  ///
  ///     21.000 native to paravirtual, losing: steal 49.2 %; native loses 97.3 %; ... hint none
  ///
  /// The time is that of the last decision of the entry, in seconds on the clock of the samples. Where
  /// it stands for more than one, the line ends with how many and since when.
  package func write(_ put: (UInt8) -> Void) {
    LineText.seconds(decision.time, put)
    LineText.text(" ", put)
    LineText.text(decision.inForce.policyName, put)
    if let change = decision.change {
      LineText.text(" to ", put)
      LineText.text(change.policyName, put)
    }
    LineText.text(", ", put)
    LineText.text(decision.reason.name, put)
    LineText.text(":", put)
    LineText.share(" steal ", decision.steal, put)
    LineText.share(" locks stalled ", decision.stall, put)
    if let losses = decision.losses {
      LineText.share(" native loses ", losses.native, put)
      LineText.share(" paravirtual loses ", losses.paravirtual, put)
      LineText.share(" test-and-set loses ", losses.testAndSet, put)
    }
    LineText.text(" hint ", put)
    LineText.text(decision.hint.name, put)
    if count > 1 {
      LineText.text("; ", put)
      LineText.digits(UInt64(count), put)
      LineText.text(" times since ", put)
      LineText.seconds(since, put)
    }
    LineText.text("\n", put)
  }
}

private enum LineText {
  static func text(_ text: StaticString, _ put: (UInt8) -> Void) {
    // A literal: as many bytes as it says, for ever.
    for index in 0..<text.utf8CodeUnitCount { put(unsafe text.utf8Start[index]) }
  }

  static func digits(_ value: UInt64, _ put: (UInt8) -> Void) {
    var divisor: UInt64 = 1
    while value / divisor >= 10 { divisor *= 10 }
    while divisor > 0 {
      put(0x30 + UInt8(value / divisor % 10))
      divisor /= 10
    }
  }

  static func seconds(_ nanoseconds: UInt64, _ put: (UInt8) -> Void) {
    digits(nanoseconds / 1_000_000_000, put)
    put(0x2e)
    let rest = nanoseconds / 1_000_000 % 1000
    put(0x30 + UInt8(rest / 100))
    put(0x30 + UInt8(rest / 10 % 10))
    put(0x30 + UInt8(rest % 10))
  }

  /// Per cent, with one decimal, from parts per million; nothing where nothing is known.
  static func share(_ name: StaticString, _ parts: UInt32?, _ put: (UInt8) -> Void) {
    guard let parts else { return }
    text(name, put)
    digits(UInt64(parts / 10_000), put)
    put(0x2e)
    put(0x30 + UInt8(parts / 1000 % 10))
    text(" %;", put)
  }
}

extension LockSet {
  /// The set's name, which a floor beside this one has, too.
  fileprivate var policyName: StaticString {
    switch self {
    case .native: "native"
    case .paravirtual: "paravirtual"
    case .testAndSet: "test-and-set"
    }
  }
}
