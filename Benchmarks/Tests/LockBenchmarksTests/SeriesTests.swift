import Testing

@testable import LockBenchmarks

@Suite struct SeriesTests {
  @Test func `rounds are compared with those of their own placement only`() throws {
    let series = Series.madeUp(rounds: [
      ([.siblings, .siblings], 1, 2), ([.far, .far], 90, 1), ([.siblings], 3, 4),
      ([.siblings, .far], 70, 1), ([.sameCache], 5, 6),
    ])
    #expect(series.groups.map(\.placement) == [.siblings, .sameCache, .far])
    #expect(
      series.groups.map { $0.values(.nanosecondsPerPair, of: "one") } == [[1, 3], [5], [90]])
    #expect(series.count(.mixed) == 1)
  }

  @Test func `a series of nothing but mixed rounds compares nothing, and says so`() {
    let series = Series.madeUp(rounds: [([.siblings, .far], 1, 2), ([.far, .sameCache], 1, 2)])
    #expect(series.groups.isEmpty)
    #expect(Report(results: .madeUp([series])).text.contains("changed during each of the 2 round"))
  }

  @Test func `where the placement plays no part all rounds are compared`() {
    let series = Series.madeUp(.uncontended, rounds: [([], 1, 2), ([], 3, 4)])
    #expect(series.groups.map { $0.values(.nanosecondsPerPair, of: "one") } == [[1, 3]])
    #expect(series.groups.map(\.placement) == [nil])
  }

  @Test func `a ratio is formed within a round`() throws {
    // The medians' ratio would be 10 / 20.
    let series = Series.madeUp(rounds: [
      ([.far], 1, 20), ([.far], 10, 2), ([.far], 100, 200),
    ])
    let group = try #require(series.groups.first)
    #expect(group.ratios(.nanosecondsPerPair, of: "one", to: "other") == [0.05, 5, 0.5])
  }

  @Test func `the best is who has the greatest median`() throws {
    let series = Series.madeUp(rounds: [
      ([.far], 1, 4), ([.far], 3, 4), ([.far], 100, 4),
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
