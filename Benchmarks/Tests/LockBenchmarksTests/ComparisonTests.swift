import Runs
import Testing

@testable import LockBenchmarks

@Suite struct ComparisonTests {
  private func figure(
    _ name: String, _ bound: Figure.Bound, in placement: Placement? = .far, _ values: [Double]
  ) -> Figure {
    Figure(.contended, name, in: placement, bound, 1, "", values)
  }

  private func compare(_ saved: [Figure], _ now: [Figure]) -> Comparison {
    Comparison(of: .madeUp([], now), with: .madeUp([], saved))
  }

  private func verdict(_ bound: Figure.Bound, _ saved: [Double], _ now: [Double])
    -> Comparison.Verdict?
  {
    compare([figure("a", bound, saved)], [figure("a", bound, now)]).figures.first?.verdict
  }

  @Test
  func `what lies beyond the quartiles of both runs is better or worse by the figure's bound`() {
    let (low, high): ([Double], [Double]) = ([1, 2, 3, 4, 5], [6, 7, 8, 9, 10])
    #expect(verdict(.atMost, low, high) == .worse)
    #expect(verdict(.atMost, high, low) == .better)
    #expect(verdict(.below, low, high) == .worse)
    #expect(verdict(.atLeast, low, high) == .better)
    #expect(verdict(.atLeast, high, low) == .worse)
  }

  @Test func `where the quartiles overlap it is noise, however far the medians are apart`() {
    #expect(verdict(.atMost, [1, 2, 3, 9, 9], [2, 4, 8, 9, 9]) == .same)
    // Only the quartiles of one run reach to the other's median.
    #expect(verdict(.atMost, [1, 2, 3, 4, 5], [3, 3.5, 4, 4.5, 5]) == .same)
  }

  @Test func `a hundredth is noise where every round is alike, and a fiftieth is not`() {
    func alike(_ value: Double) -> [Double] { Array(repeating: value, count: 5) }
    #expect(verdict(.atMost, alike(1), alike(1.005)) == .same)
    #expect(verdict(.atMost, alike(1), alike(1.02)) == .worse)
  }

  @Test func `of few rounds nothing is said`() {
    #expect(verdict(.atMost, [1, 1, 1], [5, 5, 5, 5]) == .unknown)
    #expect(verdict(.atMost, [1, 1, 1, 1], [5, 5, 5]) == .unknown)
  }

  @Test func `what one run got nothing done of is compared, too`() {
    let infinite = Array(repeating: Double.infinity, count: 4)
    #expect(verdict(.atLeast, infinite, [1, 1, 1, 1]) == .worse)
    #expect(verdict(.atLeast, infinite, infinite) == .same)
  }

  @Test func `a figure is compared with its own placement only`() {
    let comparison = compare(
      [figure("a", .atMost, in: .far, [1, 1, 1, 1]), figure("gone", .atMost, [1])],
      [
        figure("a", .atMost, in: .siblings, [9, 9, 9, 9]),
        figure("a", .atMost, in: .far, [1, 1, 1, 1]),
      ])
    #expect(comparison.figures.map(\.name) == ["a; far"])
    #expect(!comparison.isWorse)
    #expect(comparison.onlyNow == ["a; siblings"])
    #expect(comparison.onlySaved == ["gone; far"])
  }

  @Test func `where the best peer is another one, both are named`() {
    func figure(_ peer: String) -> Figure {
      Figure(.contended, "a", note: peer, .atMost, 1, "", [1])
    }
    #expect(compare([figure("b")], [figure("c")]).figures.map(\.name) == ["a (saved: b; now: c)"])
    #expect(compare([figure("b")], [figure("b")]).figures.map(\.name) == ["a"])
  }

  @Test func `worse is what a figure says, not one contestant's own value`() {
    func series(_ value: Double) -> Series {
      .madeUp(
        .contended, .operationsPerSecond,
        rounds: Array(repeating: (.all(.far), value, 5e6), count: 5))
    }
    let comparison = Comparison(of: .madeUp([series(1e6)]), with: .madeUp([series(9e6)]))
    #expect(comparison.values.map(\.verdict) == [.worse, .same])
    #expect(!comparison.isWorse)
    #expect(comparison.text.contains("one, Mops/s"))
    #expect(!comparison.text.contains("other, Mops/s"))
    #expect(comparison.text.contains("No figure became worse"))
    #expect(
      compare([figure("a", .atMost, [1, 1, 1, 1])], [figure("a", .atMost, [2, 2, 2, 2])]).isWorse)
  }

  @Test func `runs of another length are pointed out`() {
    func results(_ seconds: Double) -> Results {
      .madeUp([Series(.contended, "test", [Entry(name: "one")], [.fairness], seconds: seconds)])
    }
    #expect(Comparison(of: results(2), with: results(2)).warnings.isEmpty)
    #expect(
      Comparison(of: results(2), with: results(0.5)).warnings == [
        "The saved run had seconds a run of test: 0.500, this one 2.00."
      ])
  }
}
