/// How long the CPUs of a guest took from one round of their task to the next, counted on the CPUs
/// themselves: this shows every delay, whatever its cause.
///
/// Four buckets to each power of two.
public struct GapHistogram: Codable, Sendable, Equatable {
  /// A bucket.
  public struct Bucket: Sendable, Equatable {
    /// Where it begins, in nanoseconds.
    public var start: Int
    /// How many gaps lie in it.
    public var count: Int
  }

  /// Those that are not empty, by length.
  public let buckets: [Bucket]

  /// A histogram of these buckets.
  public init(_ buckets: [Bucket]) {
    self.buckets = buckets.sorted { $0.start < $1.start }
  }

  /// From pairs of start and count.
  public init(from decoder: any Decoder) throws {
    let pairs = try [[Int]](from: decoder)
    self.init(pairs.filter { $0.count == 2 }.map { Bucket(start: $0[0], count: $0[1]) })
  }

  /// As pairs of start and count.
  public func encode(to encoder: any Encoder) throws {
    try buckets.map { [$0.start, $0.count] }.encode(to: encoder)
  }

  /// All of these histograms together.
  public init(sumOf histograms: some Sequence<GapHistogram>) {
    var counts: [Int: Int] = [:]
    for bucket in histograms.lazy.flatMap(\.buckets) {
      counts[bucket.start, default: 0] += bucket.count
    }
    self.init(counts.map { Bucket(start: $0.key, count: $0.value) })
  }

  /// How many gaps there were.
  public var count: Int { buckets.reduce(0) { $0 + $1.count } }
}
