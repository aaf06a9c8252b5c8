/// The distribution of values.
public struct Spread: Codable, Equatable, Sendable {
  /// How many there are.
  public let count: Int
  /// Least value, quantiles and greatest value.
  public let minimum, lowerQuartile, median, upperQuartile, p99, maximum: Double

  /// Nil if there are no values.
  public init?(_ values: some Sequence<Double>) {
    let sorted = values.sorted()
    guard let first = sorted.first, let last = sorted.last else { return nil }
    // Between two neighbours in proportion: Hyndman and Fan's seventh definition, which R and NumPy
    // have as well.
    func quantile(_ share: Double) -> Double {
      let position = share * Double(sorted.count - 1)
      let below = Int(position)
      let above = min(below + 1, sorted.count - 1)
      // Two infinite neighbours have no difference.
      guard sorted[above] > sorted[below] else { return sorted[below] }
      return sorted[below] + (sorted[above] - sorted[below]) * (position - Double(below))
    }
    count = sorted.count
    (minimum, maximum) = (first, last)
    (lowerQuartile, median, upperQuartile) = (quantile(0.25), quantile(0.5), quantile(0.75))
    p99 = quantile(0.99)
  }

  private init() {
    count = 0
    (minimum, lowerQuartile, median, upperQuartile, p99, maximum) = (0, 0, 0, 0, 0, 0)
  }

  /// Zeros, for where nothing was measured but a number must be printed.
  public static let none = Spread()

  /// What `--json` prints of durations.
  public var json: JSONObject { ["median": median, "p99": p99, "longest": maximum] }
}
