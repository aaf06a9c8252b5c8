import LockPlatform
import Runs
import SwitchPolicy

/// What was measured of one set at one level in one round.
package struct EstimateSlice: Sendable {
  package var round: Int
  /// The share of time that was to be taken away, in per mille.
  package var level: Int
  package var set: LockSet
  /// What the program got done a second.
  package var perSecond: Double
  /// The share of what its threads wanted and did not have: run delay of run time and run delay.
  package var steal: Double

  package init(round: Int, level: Int, set: LockSet, perSecond: Double, steal: Double) {
    self.round = round
    self.level = level
    self.set = set
    self.perSecond = perSecond
    self.steal = steal
  }
}

/// What each set loses at each level, of whole rounds.
package struct MeasuredLosses: Sendable {
  /// A set at a level.
  package struct Point: Sendable {
    /// The share that was to be taken away, in per mille.
    package let level: Int
    /// What was taken away, and what was lost of the work of an undisturbed program on as many CPUs as
    /// were left: shares.
    package let steal, lost: Spread
  }

  /// By set, in the order of the levels.
  package let points: PerSet<[Point]>
  /// How many whole rounds there are.
  package let rounds: Int

  /// Nil if there is no whole round.
  ///
  /// The measure of each round is what was done in it, undisturbed, with the set that does most then by
  /// median. What is taken away even so, by whoever else runs on this machine, is allowed for.
  package init?(_ slices: [EstimateSlice]) {
    let expected = EstimatePlan.levels.count * EstimatePlan.sets.count
    let whole = Dictionary(grouping: slices, by: \.round).values.filter { $0.count == expected }
    rounds = whole.count
    let kept = whole.flatMap { $0 }
    func rate(_ slice: EstimateSlice) -> Double { slice.perSecond / max(1 - slice.steal, 0.001) }
    func undisturbed(_ set: LockSet) -> [(round: Int, rate: Double)] {
      kept.filter { $0.set == set && $0.level == 0 }.map { ($0.round, rate($0)) }
    }
    let bests = EstimatePlan.sets.map { set in
      (set, Spread(undisturbed(set).map(\.rate))?.median ?? 0)
    }
    guard let (best, median) = bests.max(by: { $0.1 < $1.1 }), median > 0 else { return nil }
    let measures = Dictionary(uniqueKeysWithValues: undisturbed(best).map { ($0.round, $0.rate) })
    func points(_ set: LockSet) -> [Point] {
      EstimatePlan.levels.compactMap { level in
        let here = kept.filter { $0.set == set && $0.level == level }
        let losses = here.compactMap { slice in
          measures[slice.round].map { $0 > 0 ? min(max(1 - rate(slice) / $0, 0), 1) : 1 }
        }
        guard let steal = Spread(here.map(\.steal)), let lost = Spread(losses) else { return nil }
        return Point(level: level, steal: steal, lost: lost)
      }
    }
    self.points = PerSet(
      native: points(.native), paravirtual: points(.paravirtual), testAndSet: points(.testAndSet))
  }

  /// A set's losses at the levels of the policy's tables, in per mille: straight lines between the points,
  /// which lie where they came to lie, and as much as the last beyond it.
  package func row(_ set: LockSet) -> [Int] {
    EstimatePlan.levels.map { Self.loss(atSteal: Double($0) / 1000, points[set]) }
  }

  private static func loss(atSteal steal: Double, _ points: [Point]) -> Int {
    let points = points.map { (steal: $0.steal.median, lost: $0.lost.median) }
      .sorted { $0.steal < $1.steal }
    guard let first = points.first, let last = points.last else { return 0 }
    var lost = steal <= first.steal ? first.lost : last.lost
    for (left, right) in zip(points, points.dropFirst())
    where left.steal < right.steal && (left.steal...right.steal).contains(steal) {
      let share = (steal - left.steal) / (right.steal - left.steal)
      lost = left.lost + (right.lost - left.lost) * share
    }
    return Int((lost * 1000).rounded())
  }

  /// The table as Sources/SwitchPolicy/EstimateTables.swift has it.
  package func source(date: String, machine: String, command: String) -> String {
    func list(_ set: LockSet) -> String {
      "[" + row(set).map(String.init).joined(separator: ", ") + "]"
    }
    return """
        /// Measured on \(date), on \(machine), in \(Quantity.exact(rounds, "round")): `\(command)`.
        public static let program = LossEstimates(
          native: \(list(.native)),
          paravirtual: \(list(.paravirtual)),
          testAndSet: \(list(.testAndSet)))
      """
  }
}
