import LockSwitching

/// What the switches of this image did, for whoever counts them: kept from when somebody first asks.
package struct SwitchHistory: Sendable {
  /// How many switches there were, refused ones included.
  package private(set) var count = 0
  private var reports: [SwitchReport] = []

  /// How many are kept.
  package static let capacity = 32

  package init() {}

  /// Adds one; the oldest goes.
  package mutating func add(_ report: SwitchReport) {
    if reports.count == Self.capacity { reports.removeFirst() }
    reports.append(report)
    count += 1
  }

  /// Those after the first so many, as far as they are kept.
  package func after(_ seen: Int) -> ArraySlice<SwitchReport> {
    reports.suffix(max(0, count - seen))
  }
}
