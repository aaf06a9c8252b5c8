import Runs

/// What a lock does when many threads want it: more threads than CPUs, short sections.
enum Contended {
  static let contestants = [
    Contestant(Name.paravirtual, in: .paravirtual, TidelockMutex.init),
    Contestant(Name.native, TidelockMutex.init),
    Contestant(Name.testAndSet, in: .testAndSet, TidelockMutex.init),
    Contestant(Name.pthread, PthreadMutex.init),
    Contestant(Name.adaptive, PthreadAdaptiveMutex.init),
    Contestant(Name.synchronization, SynchronizationMutex.init),
    Contestant(Name.plainFutex, PlainFutexMutex.init),
  ]

  /// Those that are not Tidelock's.
  static let peers = [
    Name.pthread, Name.adaptive, Name.synchronization, Name.plainFutex,
  ]

  /// How many threads the figures are for: a few too many, and far too many.
  static var someThreads: Int { 2 * Machine.current.cpus }
  static var manyThreads: Int { 8 * Machine.current.cpus }

  static func measure(_ settings: inout Settings, _ results: inout Results) throws {
    let counts = settings.threads ?? [someThreads, manyThreads]
    let seconds = settings.seconds ?? 2
    let rounds = settings.rounds ?? 7
    let sections = settings.sections
    let contestants = contestants + settings.peers.map(\.contestant)
    let peers = peers + settings.peers.map(\.name)
    var progress = Progress(runs: counts.count * rounds * contestants.count)
    defer { progress.end() }
    for threads in counts {
      var series = Series(
        .contended, "contended, \(threads) threads", contestants,
        [
          .operationsPerSecond, .fairness, .longestWaitMilliseconds, .cpuNanosecondsPerSection,
          .backgroundShare,
        ], seconds: seconds)
      defer {
        results.add(series, series.groups.flatMap { figures(series.title, $0, threads, peers) })
      }
      try series.measure(
        contestants, rounds: rounds, &settings, &progress
      ) { contestant, _ in
        let result = try contestant.load(threads, sections) { Clock.sleep(seconds: seconds) }
        let (share, lost) = try backgroundShare(
          beside: contestant, threads, sections, seconds: seconds / 4)
        results.lostUpdates += result.lostUpdates + lost
        return [
          .operationsPerSecond: result.operationsPerSecond,
          .fairness: result.fairness,
          .longestWaitMilliseconds: result.longestWait * 1e-6,
          .cpuNanosecondsPerSection: result.cpuNanosecondsPerSection,
          .backgroundShare: share,
        ]
      }
      guard !results.checkInterruption() else { return }
    }
  }

  /// What a thread of the lowest priority gets done beside the load, as a share of what it does alone; in a run
  /// of its own, since it changes what else is measured.
  private static func backgroundShare(
    beside contestant: Contestant, _ threads: Int, _ sections: Sections, seconds: Double
  ) throws -> (share: Double, lostUpdates: UInt64) {
    let alone = try Background.rate { Clock.sleep(seconds: seconds / 2) }
    var beside = 0.0
    let result = try contestant.load(threads, sections) {
      beside = try Background.rate { Clock.sleep(seconds: seconds) }
    }
    return (beside / alone, result.lostUpdates)
  }

  private static func figures(_ title: String, _ group: Group, _ threads: Int, _ peers: [String])
    -> [Figure]
  {
    func ratios(_ peer: String) -> [Double] {
      group.ratios(.operationsPerSecond, of: Name.paravirtual, to: peer)
    }
    // Of those that were measured beside it in this placement.
    let met = peers.filter { !ratios($0).isEmpty }
    guard let peer = group.best(.operationsPerSecond, of: met), let placement = group.placement
    else { return [] }
    func figure(
      _ what: String, note: String? = nil, _ bound: Figure.Bound, _ limit: Double, _ unit: String,
      _ values: [Double]
    ) -> Figure {
      Figure(
        .contended, "\(title): \(Name.paravirtual)\(what)", in: placement, note: note, bound, limit,
        unit, values)
    }
    switch threads {
    case someThreads where placement == .sameCache:
      return [figure(" / best peer", note: peer, .atLeast, 1.1, "x its throughput", ratios(peer))]
    case manyThreads:
      return [
        figure(
          " / best peer", note: peer, .atLeast, placement == .siblings ? 0.97 : 1.2,
          "x its throughput", ratios(peer)),
        figure(
          " / best peer, longest wait", note: peer, .atMost, 0.33, "x its longest wait",
          group.ratios(.longestWaitMilliseconds, of: Name.paravirtual, to: peer)),
        figure(
          " / \(Name.native)", .atLeast, 100, "x its throughput",
          group.ratios(.operationsPerSecond, of: Name.paravirtual, to: Name.native)),
        figure(
          ", slowest thread / fastest", .atLeast, 0.7, "",
          group.values(.fairness, of: Name.paravirtual)),
        figure(
          ", longest wait", .atMost, 30, "ms",
          group.values(.longestWaitMilliseconds, of: Name.paravirtual)),
      ]
    default: return []
    }
  }
}
