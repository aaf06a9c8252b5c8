/// Places labels in as few lines as keep them from overlapping.
package struct LabelLanes {
  private var ends: [Double] = []
  private let gap: Double

  package init(gap: Double) { self.gap = gap }

  /// How many lines are in use.
  package var count: Int { ends.count }

  /// The line of the next label, which covers `extent`; labels come from left to right.
  package mutating func place(_ extent: ClosedRange<Double>) -> Int {
    if let lane = ends.firstIndex(where: { $0 + gap <= extent.lowerBound }) {
      ends[lane] = extent.upperBound
      return lane
    }
    ends.append(extent.upperBound)
    return ends.count - 1
  }
}
