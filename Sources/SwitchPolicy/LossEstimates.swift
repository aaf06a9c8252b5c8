import LockPlatform

/// What each set loses while so much of the CPUs' time is stolen: the share of an undisturbed
/// machine's work that is not done, the stolen time included.
public struct LossEstimates: Sendable {
  /// The shares of steal that there are estimates for, in per mille; straight lines between them.
  public static let levels: [8 of UInt32] = [0, 10, 20, 50, 100, 200, 500, 900]

  /// A set's losses at these levels, in per mille.
  public typealias Row = [8 of UInt16]

  /// The rows.
  public let rows: PerSet<Row>

  /// A table; what it says must not be more than 1000.
  public init(native: Row, paravirtual: Row, testAndSet: Row) {
    rows = PerSet(native: native, paravirtual: paravirtual, testAndSet: testAndSet)
  }

  /// What each set loses at a share of steal; both in parts per million.
  public func losses(atSteal steal: UInt32) -> PerSet<UInt32> {
    PerSet(
      native: Self.loss(rows.native, steal), paravirtual: Self.loss(rows.paravirtual, steal),
      testAndSet: Self.loss(rows.testAndSet, steal))
  }

  /// Above the last level, what there is at the last level.
  private static func loss(_ row: Row, _ steal: UInt32) -> UInt32 {
    var index = 0
    while index < 6, steal > levels[index + 1] * 1000 { index += 1 }
    // At most 900,000 times 1,000,000: too large for 32 bits, not for 64.
    let left = Int64(levels[index]) * 1000
    let right = Int64(levels[index + 1]) * 1000
    let low = Int64(row[index]) * 1000
    let high = Int64(row[index + 1]) * 1000
    let distance = min(Int64(steal), right) - left
    return UInt32(low + (high - low) * distance / (right - left))
  }
}
