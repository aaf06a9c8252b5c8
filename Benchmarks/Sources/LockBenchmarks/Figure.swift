import Runs

/// A figure to reach, and what was measured of it, by round, in one placement of the CPUs.
struct Figure: Codable {
  /// On which side of the limit the median must be.
  enum Bound: String, Codable {
    case atMost
    case atLeast
    case below
  }

  let benchmark: Benchmark
  let name: String
  /// Nil where it plays no part.
  let placement: Placement?
  /// What the name leaves open: which peer was the best.
  let note: String?
  let bound: Bound
  let limit: Double
  let unit: String
  let measured: Spread?
  /// Nil if it was not measured.
  let reached: Bool?

  /// Judges the median of the values; without any, or if less was done than the figure asks for,
  /// there is no judgement.
  init(
    _ benchmark: Benchmark, _ name: String, in placement: Placement? = nil, note: String? = nil,
    _ bound: Bound, _ limit: Double, _ unit: String, _ values: [Double], isComplete: Bool = true
  ) {
    self.benchmark = benchmark
    self.name = name
    self.placement = placement
    self.note = note
    self.bound = bound
    self.limit = limit
    self.unit = unit
    measured = Spread(values)
    reached = measured.flatMap { measured in
      guard isComplete else { return nil }
      return switch bound {
      case .atMost: measured.median <= limit
      case .atLeast: measured.median >= limit
      case .below: measured.median < limit
      }
    }
  }

  /// Name, note and placement, as tables show them.
  var title: String {
    name + (note.map { " (\($0))" } ?? "") + (placement.map { "; \($0.rawValue)" } ?? "")
  }

  var wanted: String {
    let sign =
      switch bound {
      case .atMost: "≤"
      case .atLeast: "≥"
      case .below: "<"
      }
    return "\(sign) \(limit.short) \(unit)"
  }
}
