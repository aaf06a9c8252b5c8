/// What is plotted: how long something took, for a few conditions side by side: medians, p99s and
/// longest, or of a few runs the shortest, the median and the longest.
public struct SpreadPlot: Sendable {
  /// Durations of one kind, in microseconds.
  public struct Bar: Sendable {
    let label: String
    let isFaint: Bool
    package let median, longest: Double
    /// Where it is known.
    package let p99, shortest: Double?

    /// A bar; faint if it is there for comparison only.
    public init(_ label: String, _ spread: Spread, isFaint: Bool = false) {
      self.label = label
      self.isFaint = isFaint
      (median, longest, p99, shortest) = (spread.median, spread.maximum, spread.p99, nil)
    }

    /// A bar of a few runs, which have no p99.
    public init(fewRuns spread: Spread, in microseconds: Double) {
      label = Quantity.exact(spread.count, "run")
      isFaint = false
      median = spread.median * microseconds
      longest = spread.maximum * microseconds
      shortest = spread.minimum * microseconds
      p99 = nil
    }
  }

  /// Bars that belong together, with a heading.
  public struct Group: Sendable {
    let label: String
    let bars: [Bar]

    /// Bars below a heading.
    public init(_ label: String, _ bars: [Bar]) {
      self.label = label
      self.bars = bars
    }
  }

  let title: String
  let groups: [Group]

  /// A plot of groups, in order.
  public init(title: String, groups: [Group]) {
    self.title = title
    self.groups = groups
  }
}
