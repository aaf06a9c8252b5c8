import Foundation

/// A mark on an axis: where, and what it says there.
package struct Tick: Equatable {
  let value: Double
  package let label: String
}

/// The axis of time, from the start of the run on.
package struct TimeScale {
  let end: Double
  package let ticks: [Tick]

  /// Round steps, at most `limit` of them, up to `end` seconds.
  package init(end: Double, limit: Int) {
    self.end = end > 0 && end.isFinite ? end : 1
    let coarsest = self.end / Double(max(1, limit))
    let decade = pow(10, floor(log10(coarsest)))
    let step = [1, 2, 5, 10].map { $0 * decade }.first { $0 >= coarsest * 0.999 } ?? 10 * decade
    ticks = (0...Int((self.end / step * 1.000001).rounded(.down))).map {
      let value = Double($0) * step
      return Tick(value: value, label: String(format: step < 1 ? "%.2g" : "%.0f", value))
    }
  }

  package func position(_ seconds: Double) -> Double { min(max(seconds / end, 0), 1) }
}

/// The axis of throughput: logarithmic, since the values differ by a factor of a hundred.
package struct ThroughputScale {
  /// Exponents of ten at the bottom and at the top.
  package let bottom, top: Int
  let hasZero: Bool

  /// Whole decades around all values.
  ///
  /// A logarithm has no place for zero: where there is one, it gets the bottom of one more decade,
  /// labelled as zero.
  package init(_ values: [Double]) {
    let positive = values.filter { $0 > 0 && $0.isFinite }
    hasZero = values.contains { $0 <= 0 }
    let lowest = Int(floor(log10(positive.min() ?? 1)))
    bottom = hasZero && !positive.isEmpty ? lowest - 1 : lowest
    top = max(bottom + 1, Int(ceil(log10(positive.max() ?? 10))))
  }

  package var ticks: [Tick] {
    let step = max(1, (top - bottom) / 8)
    return stride(from: bottom, through: top, by: step).map { exponent in
      let value = pow(10, Double(exponent))
      let isZero = hasZero && exponent == bottom
      return Tick(value: value, label: isZero ? "0" : Quantity.decade(exponent))
    }
  }

  /// Between 0 at the bottom and 1 at the top.
  package func position(_ value: Double) -> Double {
    guard value > 0 else { return 0 }
    return min(max((log10(value) - Double(bottom)) / Double(top - bottom), 0), 1)
  }
}

extension Quantity {
  /// A power of ten as an axis shows it: `100 k`, `1 M`.
  static func decade(_ exponent: Int) -> String {
    guard exponent >= 0 else { return String(format: "%g", pow(10, Double(exponent))) }
    let suffixes = ["", " k", " M", " G", " T"]
    let group = min(exponent / 3, suffixes.count - 1)
    let digits = String(repeating: "0", count: exponent - 3 * group)
    return "1" + digits + suffixes[group]
  }
}
