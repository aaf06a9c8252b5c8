import Foundation
import LockPlatform
import Testing
import TidelockCommand

/// What `tidelock policy estimate` computes, and how it ends; what it measures is no matter for tests.
@Suite(.serialized) struct PolicyEstimateTests {
  /// A round in which each set loses a share of what is left at each level, and what was taken is as much
  /// as was to be.
  private func round(
    _ number: Int, speed: Double = 1, _ loss: (LockSet, Double) -> Double
  ) -> [EstimateSlice] {
    EstimatePlan.order(round: number).map { level, set in
      let steal = Double(level) / 1000
      return EstimateSlice(
        round: number, level: level, set: set,
        perSecond: 1e6 * speed * (1 - steal) * (1 - loss(set, steal)), steal: steal)
    }
  }

  private func usual(_ set: LockSet, _ steal: Double) -> Double {
    switch set {
    case .native: steal == 0 ? 0 : 0.9
    case .paravirtual: 0.04 + steal / 10
    case .testAndSet: 0.02
    }
  }

  /// Stolen time is no loss of a set's, and how fast the machine was in a round makes no difference.
  @Test func lossesAreThoseOfTheSets() throws {
    let losses = try #require(
      MeasuredLosses((0..<4).flatMap { round($0, speed: Double($0 + 1), usual) }))
    #expect(losses.rounds == 4)
    #expect(losses.row(.native) == [0, 900, 900, 900, 900, 900, 900, 900])
    #expect(losses.row(.paravirtual) == [40, 41, 42, 45, 50, 60, 90, 130])
    #expect(losses.row(.testAndSet) == Array(repeating: 20, count: 8))
    #expect(losses.points.native.map(\.level) == EstimatePlan.levels)
    #expect(losses.points.native.allSatisfy { $0.steal.count == 4 })
  }

  /// The median of rounds, of which one was disturbed.
  @Test func oneBadRoundIsNoMatter() throws {
    let bad = round(2) { set, steal in steal > 0 ? 0.99 : usual(set, steal) }
    let losses = try #require(MeasuredLosses(round(0, usual) + round(1, usual) + bad))
    #expect(losses.row(.paravirtual) == [40, 41, 42, 45, 50, 60, 90, 130])
    #expect(losses.points.paravirtual.last?.lost.maximum ?? 0 > 0.98)
  }

  /// A round that was interrupted does not count, and without a whole one there is nothing.
  @Test func onlyWholeRoundsCount() throws {
    let part = Array(round(1) { _, _ in 0.5 }.dropLast())
    let losses = try #require(MeasuredLosses(round(0, usual) + part))
    #expect(losses.rounds == 1 && losses.row(.testAndSet) == Array(repeating: 20, count: 8))
    #expect(MeasuredLosses(part) == nil && MeasuredLosses([]) == nil)
    // Nobody got anything done.
    #expect(MeasuredLosses(round(0) { _, _ in 1 }) == nil)
  }

  /// What was taken is seldom what was to be: the table says what belongs to its levels.
  @Test func rowsAreReadOffBetweenThePoints() throws {
    let slices = round(0, usual).map { slice in
      var slice = slice
      guard slice.level == 500 else { return slice }
      // Taken was 60 % here, and left 40 %.
      slice.steal = 0.6
      slice.perSecond = 1e6 * 0.4 * (1 - (slice.set == .native ? 0.7 : 0.1))
      return slice
    }
    let losses = try #require(MeasuredLosses(slices))
    // Three quarters of the way from 20 % to 60 %.
    #expect(losses.row(.native)[6] == 750 && losses.row(.paravirtual)[6] == 90)
    #expect(losses.row(.native)[7] == 900)
  }

  @Test func theTableIsSource() throws {
    let losses = try #require(MeasuredLosses(round(0, usual)))
    #expect(
      losses.source(date: "2026-11-24", machine: "2 CPUs (X)", command: "tidelock policy estimate")
        == """
          /// Measured on 2026-11-24, on 2 CPUs (X), in 1 round: `tidelock policy estimate`.
          public static let program = LossEstimates(
            native: [0, 900, 900, 900, 900, 900, 900, 900],
            paravirtual: [40, 41, 42, 45, 50, 60, 90, 130],
            testAndSet: [20, 20, 20, 20, 20, 20, 20, 20])
        """)
  }

  /// Shares of time, taken by threads that always want to run and one that does now and then.
  @Test func competitorsTakeWhatTheyAreTo() {
    #expect(EstimatePlan.levels == [0, 10, 20, 50, 100, 200, 500, 900])
    let expected = [(0, 0), (0, 10), (0, 20), (0, 50), (0, 100), (0, 200), (1, 0), (9, 0)]
    for (level, (always, partly)) in zip(EstimatePlan.levels, expected) {
      #expect(
        EstimatePlan.Competition(taking: level)
          == EstimatePlan.Competition(always: always, partly: partly))
    }
    #expect(EstimatePlan.Competition(taking: 600) == .init(always: 1, partly: 500))
    #expect(EstimatePlan.Competition(taking: 1000) == .init(always: 19, partly: 0))
    #expect(EstimatePlan.Competition(taking: -5) == .init(always: 0, partly: 0))
  }

  /// Each round has every set at every level once; which set comes first is another each time.
  @Test func roundsAreBalanced() {
    for number in 0..<6 {
      let order = EstimatePlan.order(round: number)
      for level in EstimatePlan.levels {
        #expect(order.filter { $0.level == level }.map(\.set.rawValue).sorted() == [0, 1, 2])
      }
      #expect((number % 2 == 0) == (order.first?.level == 0))
    }
    let first = (0..<3).compactMap { round in
      EstimatePlan.order(round: round * 2).first { $0.level == 0 }?.set
    }
    #expect(Set(first.map(\.rawValue)).count == 3)
  }

  // MARK: The command

  private struct Outcome: Decodable {
    struct Point: Decodable {
      struct Spread: Decodable {
        let median, lower_quartile, upper_quartile: Double
      }

      let level_per_mille: Int
      let steal, lost: Spread
    }

    let command, source: String
    let rounds: Int
    let points: [String: [Point]]
    let table_per_mille: [String: [Int]]
    let levels_per_mille: [Int]
    let verified, interrupted: Bool
  }

  @Test func measuresEverySetAtEveryLevel() throws {
    let page = NSTemporaryDirectory() + "estimate-\(UUID().uuidString).html"
    defer { try? FileManager.default.removeItem(atPath: page) }
    let run = try tidelock(
      "policy", "estimate", "--seconds", "1", "--rounds", "1", "--threads", "2", "--json",
      "--report", page)
    #expect(run.status == 0 && run.errors.isEmpty)
    let outcome = try JSONDecoder().decode(Outcome.self, from: Data(run.output.utf8))
    #expect(outcome.verified && !outcome.interrupted && outcome.rounds == 1)
    for set in ["native", "paravirtual", "test-and-set"] {
      let points = try #require(outcome.points[set])
      #expect(points.map(\.level_per_mille) == outcome.levels_per_mille)
      for point in points {
        #expect((0...1).contains(point.steal.median) && (0...1).contains(point.lost.median))
      }
      #expect(outcome.table_per_mille[set]?.count == 8)
    }
    // Nine threads want each CPU as well.
    #expect(outcome.points.values.contains { $0.last?.steal.median ?? 0 > 0 })
    #expect(outcome.source.contains("`\(outcome.command)`"))
    #expect(outcome.command.contains("--seconds 1.0 --rounds 1 --threads 2"))
    let html = try String(contentsOfFile: page, encoding: .utf8)
    #expect(html.contains("paravirtual: work lost"))
  }

  /// Ctrl-C: the locks are verified, the other program ends, and the shell sees the signal.
  @Test func interruptionEndsTheRunInOrder() throws {
    let run = try tidelock("policy", "estimate", "--seconds", "600", "--rounds", "5") {
      process, line in
      // The first line, and none of the last: from there on an interrupt ends the program.
      if line.contains("5 rounds of") { process.interrupt() }
    }
    #expect(run.status == 130)
    #expect(run.output.contains("Verified: ") && run.output.contains("No round was measured"))
  }

  @Test func refusesWhatMakesNoSense() throws {
    for arguments in [
      ["--locks", "17"], ["--threads", "1"], ["--rounds", "0"], ["--seconds", "0"],
    ] {
      #expect(try tidelock(["policy", "estimate"] + arguments).status == 2)
    }
  }
}
