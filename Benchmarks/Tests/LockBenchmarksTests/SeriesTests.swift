import Testing

@testable import LockBenchmarks

@Suite struct SeriesTests {
  @Test func `runs are compared with those in their own placement only`() {
    let series = Series.madeUp(rounds: [
      (.all(.siblings), 1, 2), (.all(.far), 90, 1), (.all(.siblings), 3, 4),
      (.all(.sameCache), 5, 6),
    ])
    #expect(series.groups.map(\.placement) == [.siblings, .sameCache, .far])
    #expect(
      series.groups.map { $0.values(.nanosecondsPerPair, of: "one") } == [[1, 3], [5], [90]])
    #expect(series.mixedRuns == 0)
  }

  @Test func `a run counts if nothing changed during it, and a ratio if both ran in one placement`()
    throws
  {
    let series = Series.madeUp(rounds: [
      // It changed during the second run; then between the two.
      ([.siblings, .siblings, .far], 1, 2), ([.far, .far, .far], 10, 20),
      ([.siblings, .far, .far], 3, 4),
    ])
    let (siblings, far) = (series.groups[0], series.groups[1])
    #expect(siblings.values(.nanosecondsPerPair, of: "one") == [1])
    #expect(siblings.values(.nanosecondsPerPair, of: "other") == [])
    #expect(far.values(.nanosecondsPerPair, of: "other") == [20, 4])
    #expect(siblings.ratios(.nanosecondsPerPair, of: "one", to: "other") == [])
    #expect(far.ratios(.nanosecondsPerPair, of: "one", to: "other") == [0.5])
    #expect(series.mixedRuns == 2)
  }

  @Test func `a series of nothing but mixed runs compares nothing, and says so`() {
    let series = Series.madeUp(rounds: [
      ([.siblings, .far, .siblings], 1, 2), ([.far, .sameCache, .far], 1, 2),
    ])
    #expect(series.groups.isEmpty)
    #expect(Report(results: .madeUp([series])).text.contains("changed during each of the 4 run"))
  }

  @Test func `where the placement plays no part all rounds are compared`() {
    let series = Series.madeUp(
      .uncontended, isByPlacement: false, rounds: [([], 1, 2), ([], 3, 4)])
    #expect(series.groups.map { $0.values(.nanosecondsPerPair, of: "one") } == [[1, 3]])
    #expect(series.groups.map(\.placement) == [nil])
  }

  @Test func `a ratio is formed within a round`() throws {
    // The medians' ratio would be 10 / 20.
    let series = Series.madeUp(rounds: [
      (.all(.far), 1, 20), (.all(.far), 10, 2), (.all(.far), 100, 200),
    ])
    let group = try #require(series.groups.first)
    #expect(group.ratios(.nanosecondsPerPair, of: "one", to: "other") == [0.05, 5, 0.5])
  }

  @Test func `the best is who has the greatest median`() throws {
    let series = Series.madeUp(rounds: [
      (.all(.far), 1, 4), (.all(.far), 3, 4), (.all(.far), 100, 4),
    ])
    let group = try #require(series.groups.first)
    #expect(group.best(.nanosecondsPerPair, of: ["one", "other", "nobody"]) == "other")
    #expect(group.best(.nanosecondsPerPair, of: ["nobody"]) == nil)
  }

  @Test func `a figure is judged by its median, on the right side of its limit`() {
    func reached(_ bound: Figure.Bound, _ limit: Double, _ values: [Double]) -> Bool? {
      Figure(.contended, "", bound, limit, "", values).reached
    }
    #expect(reached(.atMost, 2, [1, 2, 9]) == true)
    #expect(reached(.below, 2, [1, 2, 9]) == false)
    #expect(reached(.atLeast, 3, [1, 2, 9]) == false)
    #expect(reached(.atLeast, 3, []) == nil)
    #expect(Figure(.contended, "", .atMost, 2, "", [1], isComplete: false).reached == nil)
  }
}
