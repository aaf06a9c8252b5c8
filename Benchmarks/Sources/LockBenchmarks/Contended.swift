import Runs

/// What a lock does when many threads want it: more threads than CPUs, short sections.
enum Contended {
  static let contestants = [
    Contestant(Name.paravirtual, TidelockMutex.self, in: .paravirtual),
    Contestant(Name.native, TidelockMutex.self),
    Contestant(Name.testAndSet, TidelockMutex.self, in: .testAndSet),
    Contestant(Name.pthread, PthreadMutex.self),
    Contestant(Name.adaptive, PthreadAdaptiveMutex.self),
    Contestant(Name.synchronization, SynchronizationMutex.self),
  ]

  /// How many threads the figures are for.
  static var figureThreads: Int { 8 * Machine.current.cpus }

  static func measure(_ settings: inout Settings, _ results: inout Results) throws {
    let counts = settings.threads ?? [figureThreads]
    let seconds = settings.seconds ?? 2
    let rounds = settings.rounds ?? 7
    let sections = settings.sections
    var progress = Progress(runs: counts.count * rounds * contestants.count)
    defer { progress.end() }
    for threads in counts {
      var series = Series(
        "contended, \(threads) threads", contestants,
        [.operationsPerSecond, .fairness, .longestWaitMilliseconds])
      defer { results.add(series, threads == figureThreads ? figures(series) : []) }
      try series.measure(
        contestants, rounds: rounds, &settings, &progress
      ) { contestant, _ in
        let result = try contestant.load(threads, sections) { Clock.sleep(seconds: seconds) }
        results.lostUpdates += result.lostUpdates
        return [
          .operationsPerSecond: result.operationsPerSecond,
          .fairness: result.fairness,
          .longestWaitMilliseconds: result.longestWait * 1e-6,
        ]
      }
      guard !results.checkInterruption() else { return }
    }
  }

  private static func figures(_ series: Series) -> [Figure] {
    func ratio(_ other: String, _ limit: Double) -> Figure {
      Figure(
        "\(series.title): \(Name.paravirtual) / \(other)", .atLeast, limit, "x its throughput",
        series.ratios(.operationsPerSecond, of: Name.paravirtual, to: other))
    }
    return [
      ratio(Name.native, 100),
      ratio(Name.pthread, 1.5),
      ratio(Name.adaptive, 1.0),
      Figure(
        "\(series.title): \(Name.paravirtual), slowest thread / fastest", .atLeast, 0.7, "",
        series.values(.fairness, of: Name.paravirtual)),
      Figure(
        "\(series.title): \(Name.paravirtual), longest wait", .atMost, 30, "ms",
        series.values(.longestWaitMilliseconds, of: Name.paravirtual)),
    ]
  }
}
