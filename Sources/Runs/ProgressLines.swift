import Rainbow

/// What a terminal shows during a run: three lines, however narrow it is.
public struct ProgressLines: Sendable {
  /// The condition in force, such as the set of lock operations.
  public var condition: String
  /// The tint of that condition, the same as that of its bands on a page.
  public var tone: ThroughputPlot.Band.Tone
  /// More about it, left out where there is no room.
  public var details: [String]
  /// Where in the run this is, such as `2 of 5`.
  public var position: String
  /// What is counted per second, in one word.
  public var unit: String
  /// The throughput so far.
  public var samples: [ThroughputPlot.Sample]
  /// How long the run has lasted, in seconds.
  public var elapsed: Double
  /// How long it will last.
  public var total: Double

  /// All of it at one moment.
  public init(
    condition: String, tone: ThroughputPlot.Band.Tone, details: [String], position: String,
    unit: String, samples: [ThroughputPlot.Sample], elapsed: Double, total: Double
  ) {
    self.condition = condition
    self.tone = tone
    self.details = details
    self.position = position
    self.unit = unit
    self.samples = samples
    self.elapsed = elapsed
    self.total = total
  }

  /// The lines, none longer than `width`.
  public func lines(width: Int, plain: Bool) -> [String] {
    // The last column stays free: a terminal may wrap there.
    let width = max(1, width - 1)
    return [head(width), throughput(width, plain: plain), bar(width, plain: plain)]
  }

  private func head(_ width: Int) -> String {
    var left = condition
    for detail in details where left.count + detail.count + position.count + 4 <= width {
      left += ", " + detail
    }
    guard left.count + position.count + 2 <= width else { return String(left.prefix(width)) }
    let space = String(repeating: " ", count: width - left.count - position.count)
    return tinted(condition) + left.dropFirst(condition.count) + space + position
  }

  private func throughput(_ width: Int, plain: Bool) -> String {
    let value = samples.last.map { Quantity.count($0.perSecond) } ?? "-"
    let padding = String(repeating: " ", count: max(0, 6 - value.count))
    let now = padding + value + " " + unit + "/s"
    guard now.count + 10 <= width else { return String(now.prefix(width)) }
    let line = Sparkline(plain: plain)
      .text(samples, seconds: total, width: width - now.count - 2)
    return tinted(line) + "  " + now
  }

  private func bar(_ width: Int, plain: Bool) -> String {
    let share = total > 0 ? min(max(elapsed / total, 0), 1) : 0
    let left = max(0, total - elapsed).rounded(.up)
    let words = "\(Int(share * 100)) %, \(Int(left)) s left"
    let space = max(0, 17 - words.count)
    let size = width - words.count - space - 2
    guard size >= 8 else { return String(words.prefix(width)) }
    let full = Int(share * Double(size))
    let bar =
      String(repeating: plain ? "#" : "━", count: full)
      + String(repeating: plain ? "-" : "╌", count: size - full)
    return bar + "  " + String(repeating: " ", count: space) + words
  }

  private func tinted(_ text: String) -> String {
    switch tone {
    case .native: text.cyan
    case .paravirtual: text.green
    case .testAndSet: text.yellow
    case .plain: text
    }
  }
}
