import LockPlatform
import SwitchPolicy

/// The best that could be done, by somebody who knows all samples in advance: dynamic programming
/// over every sequence of sets.
public struct OmniscientChooser {
  /// The least that can be lost, prices included, in nanoseconds of work.
  public let lost: Int64
  /// The set during each sample, of one way to lose as little.
  public let sets: [LockSet]

  /// The best way through samples that lose `losses`, from a set, with the sets and prices given.
  ///
  /// It may change before any sample but the first: it has to live through that where it begins, as
  /// a policy has.
  public init(
    _ losses: [PerSet<Int64>], startingIn start: LockSet, candidates: [LockSet],
    prices: PerSet<Int64>
  ) {
    guard let first = losses.first else {
      lost = 0
      sets = []
      return
    }
    let states = candidates.contains(start) ? candidates : candidates + [start]
    var costs: [Int64?] = states.map { $0 == start ? first[start] : nil }
    var origins: [[Int]] = []
    for loss in losses.dropFirst() {
      var next: [Int64?] = []
      var from: [Int] = []
      for (target, set) in states.enumerated() {
        let ways = costs.enumerated().compactMap { source, cost in
          cost.map { (cost: $0 + (source == target ? 0 : prices[set]), source: source) }
        }
        let best = ways.min {
          ($0.cost, $0.source == target ? 0 : 1) < ($1.cost, $1.source == target ? 0 : 1)
        }
        next.append(best.map { $0.cost + loss[set] })
        from.append(best?.source ?? target)
      }
      costs = next
      origins.append(from)
    }
    let ends = costs.enumerated().compactMap { index, cost in cost.map { ($0, index) } }
    var (least, state) = ends.min { $0 < $1 } ?? (0, 0)
    lost = least
    var path = [states[state]]
    for from in origins.reversed() {
      state = from[state]
      path.append(states[state])
    }
    sets = path.reversed()
  }
}
