import Testing

@testable import LockBenchmarks

private struct Entry: Named {
  let name: String
}

@Suite struct SeriesTests {
  private func series(_ rounds: [(roundTrips: [Double], one: Double, other: Double)]) -> Series {
    var series = Series(
      "test", [Entry(name: "one"), Entry(name: "other")], [.nanosecondsPerPair])
    let metric = Metric.nanosecondsPerPair.rawValue
    for round in rounds {
      series.rounds.append(
        Round(
          number: series.rounds.count, roundTrips: round.roundTrips,
          placement: Placement(roundTrips: round.roundTrips),
          usage: Usage(others: 0, stolen: 0), order: ["one", "other"],
          values: ["one": [metric: round.one], "other": [metric: round.other]]))
    }
    return series
  }

  @Test func `only rounds of the commonest placement are compared`() {
    let series = series([
      ([100, 120], 1, 2), ([600, 500], 90, 1), ([90, 80], 3, 4), ([90, 700], 70, 1),
    ])
    #expect(series.placement == .near)
    #expect(series.values(.nanosecondsPerPair, of: "one") == [1, 3])
    #expect([Placement.far, .mixed].map(series.count) == [1, 1])
  }

  @Test func `a ratio is formed within a round`() {
    // The medians' ratio would be 10 / 20.
    let series = series([([100], 1, 20), ([100], 10, 2), ([100], 100, 200)])
    #expect(series.ratios(.nanosecondsPerPair, of: "one", to: "other") == [0.05, 5, 0.5])
  }

  @Test func `a figure is judged by its median, on the right side of its limit`() {
    #expect(Figure("", .atMost, 2, "", [1, 2, 9]).reached == true)
    #expect(Figure("", .below, 2, "", [1, 2, 9]).reached == false)
    #expect(Figure("", .atLeast, 3, "", [1, 2, 9]).reached == false)
    #expect(Figure("", .atLeast, 3, "", []).reached == nil)
    #expect(Figure("", .atMost, 2, "", [1], isComplete: false).reached == nil)
  }
}
