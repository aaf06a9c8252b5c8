import BenchmarkShims

/// How much work a thread does inside the lock and between two acquisitions, in steps of
/// `bench_work`.
struct Sections: Codable {
  let inside: UInt32
  let outside: UInt32
  /// What a step costs, in nanoseconds.
  let step: Double
  /// What is in both sections besides: one look at the timestamp counter.
  let timestamp: Double

  /// Sections that take so many nanoseconds on this machine when nothing disturbs them.
  init(inside: Double, outside: Double) {
    // The least of many: what is not the work itself only ever adds.
    let step = Self.least { _ = bench_work($0, 1000) } / 1000
    let timestamp =
      Self.least { seed in
        for _ in 0..<100 { _ = bench_work(seed &+ bench_timestamp(), 0) }
      } / 100
    self.step = step
    self.timestamp = timestamp
    self.inside = UInt32(max(0, ((inside - timestamp) / step).rounded()))
    self.outside = UInt32(max(0, ((outside - timestamp) / step).rounded()))
  }

  private static func least(_ body: (UInt64) -> Void) -> Double {
    var least = UInt64.max
    for seed: UInt64 in 0..<2000 {
      let began = bench_timestamp()
      body(seed)
      least = min(least, bench_timestamp() &- began)
    }
    return Clock.nanoseconds(least)
  }
}
