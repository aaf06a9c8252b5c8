import LockPlatform

/// The worst of what was seen in the recent past, without remembering all of it: between three
/// quarters of the memory and the whole.
struct RecentWorst: Sendable {
  private struct Seen {
    var steal: UInt32 = 0
    var stall: UInt32 = 0
  }

  private var quarters: [4 of Seen] = .init(repeating: Seen())
  private var current = 0
  private var start: UInt64 = 0

  // In pairs: of more than two, `max` would make an array.
  var steal: UInt32 {
    max(max(quarters[0].steal, quarters[1].steal), max(quarters[2].steal, quarters[3].steal))
  }

  var stall: UInt32 {
    max(max(quarters[0].stall, quarters[1].stall), max(quarters[2].stall, quarters[3].stall))
  }

  mutating func note(_ evidence: Evidence, at time: UInt64, memory: UInt64) {
    let quarter = max(memory / 4, 1)
    var passed = (time &- start) / quarter
    if passed > 0 {
      // After a longer pause, nothing is left of what was before.
      start = passed > 4 ? time : start + passed * quarter
      passed = min(passed, 4)
      while passed > 0 {
        current = (current + 1) % 4
        quarters[current] = Seen()
        passed -= 1
      }
    }
    quarters[current].steal = max(quarters[current].steal, evidence.steal ?? 0)
    quarters[current].stall = max(quarters[current].stall, evidence.stall ?? 0)
  }
}

/// What is left of the promise: by how much the policy could have lost more and still have kept
/// "at most three times the omniscient chooser, plus one switch".
///
/// Under a steady load whose level is where two sets are equally good, noise alone drives the work
/// function to and fro. A policy that waits there for better weather loses little, but with the wrong
/// load it might lose without end. Both its own loss and the chooser's are known at every moment, so
/// it may wait exactly as long as the promise holds.
struct PromiseLeft: Sendable {
  /// In nanoseconds of lost work.
  ///
  /// What long good times leave is not kept without limit, or the first bad ones would last as
  /// long.
  private(set) var value: Int64 = 0
  private let most: Int64

  init(_ settings: PolicySettings) {
    most = 2 * (settings.prices.native + settings.prices.paravirtual)
  }

  /// `growth` is what the chooser lost more.
  mutating func charge(own loss: Int64, best growth: Int64) {
    value = min(value + 3 * growth - loss, most)
  }

  mutating func charge(change price: Int64) { value -= price }
}
