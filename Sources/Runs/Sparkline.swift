import Foundation

/// Throughput over time in one line of characters, on a logarithmic scale.
///
/// One character stands for each equal stretch of the run; what is still to come is blank, so that
/// the line also shows how far the run is.
public struct Sparkline: Sendable {
  private let levels: [Character]

  /// Block characters, or plain ones for a terminal that may lack them.
  public init(plain: Bool = false) { levels = Array(plain ? "_.-=+*#" : "▁▂▃▄▅▆▇█") }

  /// Shares of something, one character each, from nothing to all of it.
  public func text(_ shares: some Collection<Double>) -> String {
    String(
      shares.map { share in
        levels[Int((min(1, max(0, share)) * Double(levels.count - 1)).rounded(.up))]
      })
  }

  /// The line for samples out of a run of `seconds`, `width` characters wide.
  public func text(_ samples: [ThroughputPlot.Sample], seconds: Double, width: Int) -> String {
    guard width > 0, seconds > 0 else { return "" }
    var sums = [(sum: Double, count: Int)](repeating: (0, 0), count: width)
    for sample in samples {
      let column = min(width - 1, max(0, Int(sample.seconds / seconds * Double(width))))
      sums[column].sum += sample.perSecond
      sums[column].count += 1
    }
    let means = sums.map { $0.count > 0 ? $0.sum / Double($0.count) : nil }
    let scale = ThroughputScale(means.compactMap { $0 })
    return String(
      means.map { mean in
        guard let mean else { return " " }
        let level = scale.position(mean) * Double(levels.count - 1)
        return levels[Int(level.rounded())]
      })
  }
}
