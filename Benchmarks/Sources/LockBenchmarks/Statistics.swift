/// How measured values lie: the median and how far they stray from it.
struct Spread: Codable, Equatable {
  let minimum: Double
  let lowerQuartile: Double
  let median: Double
  let upperQuartile: Double
  let maximum: Double
  let count: Int

  /// Nil without any value.
  init?(_ values: [Double]) {
    let sorted = values.sorted()
    guard let first = sorted.first, let last = sorted.last else { return nil }
    minimum = first
    lowerQuartile = sorted.quantile(0.25)
    median = sorted.quantile(0.5)
    upperQuartile = sorted.quantile(0.75)
    maximum = last
    count = sorted.count
  }
}

extension Spread {
  var quartiles: String { lowerQuartile.short + "-" + upperQuartile.short }
  var range: String { minimum.short + "-" + maximum.short }
}

extension [Double] {
  /// The value below which this share of them lies, between two neighbours in proportion.
  ///
  /// Contract: sorted, and not empty.
  func quantile(_ share: Double) -> Double {
    let position = share * Double(count - 1)
    let below = Int(position.rounded(.down))
    let above = Swift.min(below + 1, count - 1)
    return self[below] + (self[above] - self[below]) * (position - Double(below))
  }
}

/// SplitMix64 (Steele, Lea, Flood 2014): small, and the same from the same seed everywhere.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) {
    state = seed
  }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var value = state
    value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
    value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
    return value ^ (value >> 31)
  }
}
