import LockPlatform

/// The rule: when the work function says go, go.
///
/// Choosing between sets with a price for each change is a metrical task system (A. Borodin,
/// N. Linial, M. Saks: "An optimal on-line algorithm for metrical task systems", JACM 39(4), 1992).
/// Each sample is a task that costs a different loss in each set; nobody knows the next one.
///
/// The **work function** w(s) is what the best chooser, who knew all samples so far in advance,
/// would have lost by now if it had to be in set s at the end. With p(s), the price of going to s,
/// and r(s), what s lost in this sample:
///
///     w(s)  <-  min( w(s) + r(s),  min over x of w(x) + r(x) + p(s) )
///
/// As long as w(s) of the set in force is less than the best w plus p(s), being here is worth more
/// than coming here. Once it is equal, the best way to be here would be to come from the best set:
/// so nothing is lost by being there instead, and **that is when to go, and where**.
///
/// What this promises, for n sets and any load: at most 2n - 1 times what the omniscient chooser
/// loses, plus a constant. For two sets that is 3, and exactly: over each cycle, there and back, it
/// loses what the chooser loses plus twice the prices of the cycle, and the chooser loses at least
/// one cycle's prices. A third set that another one is nowhere worse than changes nothing of that,
/// since neither the rule nor the chooser ever goes there; a third set that is a compromise between
/// the others makes it 5.
///
/// That is for a chooser who may go before a loss that was announced. A policy sees each loss after
/// it was suffered, and goes up to a sample late. What that sample loses in the set in force comes on
/// top, once a change: 3 + 2 s / c, with s the most that one set loses more than the other in a sample
/// and c the prices of a cycle. With the estimates for guests only the change to paravirtual counts,
/// and what both sets lose in any case is large, so that 3 holds there as it stands. Foresight
/// ("the next sample will be like this one") does not help: whoever wants to hurt sends another.
@frozen public struct WorkFunction: Equatable, Sendable {
  /// w of each set, less the least of them; in nanoseconds of lost work.
  public private(set) var costs: PerSet<Int64>
  /// The sets to choose from.
  public let candidates: LockSets
  /// p: the price of going to a set, in nanoseconds of lost work.
  public let prices: PerSet<Int64>

  /// Before the first sample, in a set that is given.
  public init(startingIn set: LockSet, candidates: LockSets, prices: PerSet<Int64>) {
    self.candidates = candidates
    self.prices = prices
    costs = prices
    costs[set] = 0
  }

  /// Adds what each set lost in a sample; returns by how much the least of w grew, which is how much
  /// more the omniscient chooser has lost at least.
  public mutating func charge(_ losses: PerSet<Int64>) -> Int64 {
    candidates.forEach { costs[$0] += losses[$0] }
    let least = costs[best]
    candidates.forEach { costs[$0] = min(costs[$0] - least, prices[$0]) }
    return least
  }

  /// The set whose w is least.
  public var best: LockSet {
    var found: LockSet?
    candidates.forEach { set in
      if found.map({ costs[set] < costs[$0] }) ?? true { found = set }
    }
    return found ?? .paravirtual
  }

  /// Where to be: the set in force, or the one to go to.
  public func choice(from current: LockSet) -> LockSet {
    guard candidates.contains(current) else { return best }
    return costs[current] < prices[current] ? current : best
  }
}
