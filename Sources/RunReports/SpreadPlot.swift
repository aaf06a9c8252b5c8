/// What is plotted: how long something took, as medians, p99s and longest, for a few conditions side
/// by side.
public struct SpreadPlot: Sendable {
  /// Durations of one kind, in microseconds.
  public struct Bar: Sendable {
    let label: String
    let isFaint: Bool
    package let median, p99, longest: Double

    /// A bar; faint if it is there for comparison only.
    public init(
      _ label: String, median: Double, p99: Double, longest: Double, isFaint: Bool = false
    ) {
      self.label = label
      self.isFaint = isFaint
      self.median = median
      self.p99 = p99
      self.longest = longest
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
