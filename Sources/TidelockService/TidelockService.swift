import Logging
import Metrics
import ServiceLifecycle
import Tidelock

/// Has the locks of a server follow what it goes through, and says so in its metrics and its log.
///
///     let group = ServiceGroup(services: [TidelockService(), server], logger: logger)
///
/// It starts `LockPolicy` and stops it on graceful shutdown or cancellation. Once a second it looks at what was
/// switched and decided, and counts, with labels that begin with `tidelock_`:
///
/// | label | what |
/// |---|---|
/// | `switches_total` | counter by `reason` and `result` |
/// | `switch_duration` | timer: what each switch took |
/// | `switch_longest_stall` | timer: the longest time that it stalled a thread |
/// | `decisions_total` | counter by `reason` |
/// | `steal_ratio` | meter: the share of what threads wanted and did not have, 0 to 1 |
/// | `set` | meter by `set`: 1 for the one in force, 0 for the others |
///
/// A switch is logged as it was made, at `notice` if it failed. More than 32 switches in a second are
/// counted as far as they are known.
public struct TidelockService: Service {
  private let logger: Logger
  private let metrics: any MetricsFactory
  private let period: Duration
  private let followsLoad: Bool

  /// A service.
  ///
  /// - Parameters:
  ///   - followsLoad: whether to start the policy; if not, it only looks.
  ///   - period: the time between two looks.
  ///   - logger: where switches are logged.
  ///   - metrics: where they are counted; nil: where the program counts everything.
  public init(
    followsLoad: Bool = true, period: Duration = .seconds(1),
    logger: Logger = Logger(label: "tidelock"), metrics: (any MetricsFactory)? = nil
  ) {
    self.followsLoad = followsLoad
    self.period = period
    self.logger = logger
    self.metrics = metrics ?? MetricsSystem.factory
  }

  /// Runs until graceful shutdown or cancellation.
  ///
  /// - Throws: `LockPolicyError`.
  public func run() async throws {
    var seen = SwitchObservation(metrics: metrics, logger: logger)
    LockOperations.recordsHistory()
    if followsLoad {
      try LockPolicy.automatic.start()
      let missing = LockPolicy.missing
      logger.info(
        "The locks follow the load.", metadata: ["missing": .array(missing.map { .string($0) })])
    }
    defer { if followsLoad { LockPolicy.automatic.stop() } }
    seen.look()
    // Ends when the shutdown begins, which is no error.
    seen = await cancelWhenGracefulShutdown { [seen] in
      var seen = seen
      while (try? await Task.sleep(for: period)) != nil { seen.look() }
      return seen
    }
    seen.look()
  }
}
