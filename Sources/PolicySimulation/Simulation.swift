import LockPlatform
import SwitchPolicy

/// What a policy would have done on a trace, against the best that could be done.
///
/// A switch succeeds in the moment that it is asked for; its price is work lost. What was lost is what
/// the table of estimates says, not a measurement.
public struct Simulation: Sendable {
  /// A sample, and what came of it.
  public struct Moment: Sendable {
    /// The end of the sample, in seconds after the start of the trace.
    public let seconds: Double
    /// The set in force during the sample.
    public let set: LockSet
    /// The set that the best chooser has in force.
    public fileprivate(set) var best: LockSet
    /// What the policy decided after it.
    public let decision: Decision
    /// What was lost by each set, in nanoseconds of work; zero where nothing is known.
    public let losses: PerSet<Int64>
  }

  /// All samples, in order.
  public private(set) var moments: [Moment] = []
  /// How many samples could not be true.
  public private(set) var impossible: UInt64 = 0
  /// How many samples had nothing to go by but the hint.
  public private(set) var blind = 0
  /// What the policy lost, prices included, in nanoseconds of work.
  public private(set) var lost: Int64 = 0
  /// What the best chooser lost, prices included.
  public private(set) var leastLost: Int64 = 0
  /// What each set would have lost, had it been in force throughout.
  public private(set) var lostByStaying = PerSet<Int64>(native: 0, paravirtual: 0, testAndSet: 0)
  /// The set at the start.
  public let start: LockSet
  /// What the policy was told.
  public let settings: PolicySettings

  /// Runs a policy over samples.
  public init(
    _ samples: [PolicySample], startingIn start: LockSet, _ settings: PolicySettings,
    mode: PolicyMode = .automatic
  ) {
    self.start = start
    self.settings = settings
    var policy = Policy(in: start, settings, mode: mode)
    let epoch = samples.first.map { $0.time - min($0.time, $0.elapsed) } ?? 0
    for sample in samples {
      let impossibleBefore = policy.impossibleSamples
      let set = policy.inForce
      let decision = policy.decide(sample)
      let isTrue = policy.impossibleSamples == impossibleBefore
      let losses = isTrue ? sample.losses(settings) : nil
      if isTrue, losses == nil { blind += 1 }
      moments.append(
        Moment(
          seconds: Double(sample.time &- epoch) / 1e9, set: set, best: set, decision: decision,
          losses: losses ?? PerSet(native: 0, paravirtual: 0, testAndSet: 0)))
      if let losses {
        lost += losses[set]
        for other in Self.sets { lostByStaying[other] += losses[other] }
      }
      if let next = decision.change {
        lost += settings.prices[next]
        policy.switched(to: next, at: sample.time)
      }
    }
    impossible = policy.impossibleSamples
    for set in Self.sets where set != start { lostByStaying[set] += settings.prices[set] }
    let chooser = OmniscientChooser(
      moments.map(\.losses), startingIn: start,
      candidates: Self.sets.filter(settings.candidates.contains), prices: settings.prices)
    leastLost = chooser.lost
    for (index, set) in chooser.sets.enumerated() { moments[index].best = set }
  }

  /// All sets.
  public static let sets: [LockSet] = [.native, .paravirtual, .testAndSet]

  /// The moments after which the set changed.
  public var changes: [Moment] { moments.filter { $0.decision.change != nil } }

  /// How many times what the best chooser lost the policy lost; nil if that lost nothing.
  public var ratio: Double? { leastLost > 0 ? Double(lost) / Double(leastLost) : nil }

  /// How many changes the best chooser makes.
  public var bestChanges: Int { zip(moments, moments.dropFirst()).count { $0.best != $1.best } }

  /// Whether the promise was kept: at most three times what the best chooser lost, plus one switch.
  ///
  /// Nil where a hint decided, too: the promise is the rule's, and a hint has no price.
  public var keepsPromise: Bool? {
    guard changes.allSatisfy({ $0.decision.reason == .losing }) else { return nil }
    return lost <= 3 * leastLost + Self.sets.map { settings.prices[$0] }.reduce(0, max)
  }

  /// How long the trace is.
  public var seconds: Double { moments.last?.seconds ?? 0 }
}
