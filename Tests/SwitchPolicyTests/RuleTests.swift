import LockPlatform
import PolicySimulation
import SwitchPolicy
import Testing

/// The rule against brute force: every way through every short trace.
@Suite struct RuleTests {
  typealias Losses = PerSet<Int64>

  /// What a sample may lose: all sets together, each alone, and something in between.
  static let alphabet: [Losses] = [
    Losses(native: 0, paravirtual: 1, testAndSet: 2),
    Losses(native: 5, paravirtual: 0, testAndSet: 1),
    Losses(native: 1, paravirtual: 2, testAndSet: 0),
    Losses(native: 3, paravirtual: 3, testAndSet: 3),
  ]
  static let prices: [Losses] = [
    Losses(native: 2, paravirtual: 2, testAndSet: 2),
    Losses(native: 3, paravirtual: 1, testAndSet: 2),
  ]
  static let candidates: [(LockSets, [LockSet])] = [
    (.queued, [.native, .paravirtual]), (.all, [.native, .paravirtual, .testAndSet]),
  ]

  static func traces(_ length: Int) -> [[Losses]] {
    length == 0 ? [[]] : traces(length - 1).flatMap { trace in alphabet.map { trace + [$0] } }
  }

  /// The least that is lost on the way through a trace that ends in a set, of all ways there are.
  static func leastByForce(
    _ trace: ArraySlice<Losses>, from set: LockSet, to end: LockSet, _ sets: [LockSet],
    _ prices: Losses
  ) -> Int64 {
    guard let first = trace.first else { return set == end ? 0 : prices[end] }
    return sets.map { next in
      (next == set ? 0 : prices[next]) + first[next]
        + leastByForce(trace.dropFirst(), from: next, to: end, sets, prices)
    }.min() ?? 0
  }

  /// w is what its definition says, after each trace of up to five samples; and so is the growth of
  /// the least that it reports.
  @Test func theWorkFunctionIsTheLeastOfAllWays() {
    for (candidates, sets) in Self.candidates {
      for prices in Self.prices {
        for start in sets {
          for length in 1...5 {
            for trace in Self.traces(length) {
              var work = WorkFunction(startingIn: start, candidates: candidates, prices: prices)
              let grown = trace.map { work.charge($0) }.reduce(0, +)
              for end in sets {
                let least = Self.leastByForce(trace[...], from: start, to: end, sets, prices)
                #expect(work.costs[end] + grown == least)
              }
            }
          }
        }
      }
    }
  }

  /// The rule goes exactly when being here is worth no more than coming here from a better set; that
  /// set is the best, and the work function of where it goes supports itself: nothing has to be
  /// bought to be there.
  @Test func theRuleGoesWhenTheTextbookSays() {
    for (candidates, sets) in Self.candidates {
      for prices in Self.prices {
        for trace in Self.traces(6) {
          var work = WorkFunction(startingIn: .native, candidates: candidates, prices: prices)
          var set = LockSet.native
          for (index, losses) in trace.enumerated() {
            _ = work.charge(losses)
            let w = sets.map {
              Self.dynamicProgramming(trace[...index], from: .native, to: $0, sets, prices)
            }
            func value(_ set: LockSet) -> Int64 { w[sets.firstIndex(of: set) ?? 0] }
            let next = work.choice(from: set)
            let least = w.min() ?? 0
            #expect((next != set) == (value(set) == least + prices[set]))
            if next != set { #expect(value(next) == least) }
            set = next
          }
        }
      }
    }
  }

  static func dynamicProgramming(
    _ trace: ArraySlice<Losses>, from start: LockSet, to end: LockSet, _ sets: [LockSet],
    _ prices: Losses
  ) -> Int64 {
    var costs = sets.map { $0 == start ? 0 : prices[$0] }
    for losses in trace {
      let after = zip(sets, costs).map { $1 + losses[$0] }
      costs = zip(sets, after).map { set, cost in min(cost, (after.min() ?? 0) + prices[set]) }
    }
    return zip(sets, costs).first { $0.0 == end }?.1 ?? 0
  }

  /// The chooser of simulations, too, is the best of all ways; and its way costs what it says.
  @Test func theOmniscientChooserIsTheBestOfAllWays() {
    for (_, sets) in Self.candidates {
      for prices in Self.prices {
        for length in 1...5 {
          for trace in Self.traces(length) {
            let chooser = OmniscientChooser(
              trace, startingIn: .native, candidates: sets, prices: prices)
            // It lives through the first sample where it begins.
            let least =
              trace[0].native
              + (sets.map {
                Self.leastByForce(trace.dropFirst(), from: .native, to: $0, sets, prices)
              }.min() ?? 0)
            #expect(chooser.lost == least)
            var cost: Int64 = 0
            var set = LockSet.native
            for (next, losses) in zip(chooser.sets, trace) {
              cost += (next == set ? 0 : prices[next]) + losses[next]
              set = next
            }
            #expect(chooser.sets.count == trace.count && chooser.sets.first == .native)
            #expect(cost == least)
          }
        }
      }
    }
  }

  /// Lines between the levels, the last value beyond them, and whole numbers at them.
  @Test func estimatesAreLinesBetweenLevels() {
    let table = LossEstimates.guest
    for index in 0..<8 {
      let losses = table.losses(atSteal: LossEstimates.levels[index] * 1000)
      #expect(losses.native == UInt32(table.rows.native[index]) * 1000)
      #expect(losses.paravirtual == UInt32(table.rows.paravirtual[index]) * 1000)
      #expect(losses.testAndSet == UInt32(table.rows.testAndSet[index]) * 1000)
    }
    #expect(table.losses(atSteal: 5_000).native == 87_000)
    #expect(table.losses(atSteal: 350_000).native == 920_500)
    #expect(table.losses(atSteal: .max) == table.losses(atSteal: 900_000))
  }

  /// More steal never means less loss, in either table.
  @Test func estimatesRise() {
    for table in [LossEstimates.guest, .program] {
      for row in [table.rows.native, table.rows.paravirtual, table.rows.testAndSet] {
        for index in 1..<8 { #expect(row[index - 1] <= row[index] && row[index] <= 1000) }
      }
    }
  }
}
