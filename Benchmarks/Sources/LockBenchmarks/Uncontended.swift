import BenchmarkShims
import Runs
import Tidelock

/// What a lock and an unlock cost that nobody else wants, while a second thread is alive.
enum Uncontended {
  struct Result {
    /// Median of many chunks.
    var nanosecondsPerPair: Double
    var lostUpdates: UInt64
  }

  static let contestants = [
    Contestant(Name.native, TidelockMutex.init),
    Contestant(Name.nativeSpinlock, TidelockSpinlock.init),
    Contestant(Name.paravirtual, in: .paravirtual, TidelockMutex.init),
    Contestant(Name.testAndSet, in: .testAndSet, TidelockMutex.init),
    Contestant(Name.bare, BareTestAndSet.init),
    Contestant(Name.pthread, PthreadMutex.init),
    Contestant(Name.adaptive, PthreadAdaptiveMutex.init),
    Contestant(Name.pthreadSpin, PthreadSpinlock.init),
    Contestant(Name.synchronization, SynchronizationMutex.init),
    Contestant(Name.plainFutex, PlainFutexMutex.init),
    Contestant(Name.none, NoLock.init),
  ]

  static func measure(_ settings: inout Settings, _ results: inout Results) throws {
    // The C library and others leave atomicity out while a process has one thread.
    let barrier = Barrier(2)
    let idle = try Workers(1) { _ in barrier.wait() }
    let seconds = settings.seconds ?? 0.01
    var series = Series(
      .uncontended, "uncontended", contestants, [.nanosecondsPerPair], seconds: seconds,
      isByPlacement: false)
    let rounds = settings.rounds ?? 101
    var progress = Progress(runs: rounds * contestants.count)
    defer {
      progress.end()
      results.add(series, series.groups.flatMap(figures))
    }
    try series.measure(
      contestants, rounds: rounds, &settings, &progress
    ) { contestant, _ in
      let result = try contestant.pairs(seconds)
      results.lostUpdates += result.lostUpdates
      return [.nanosecondsPerPair: result.nanosecondsPerPair]
    }
    barrier.wait()
    try idle.join()
    barrier.free()
  }

  private static func figures(_ group: Group) -> [Figure] {
    func ratio(_ one: String, _ other: String, _ limit: Double) -> Figure {
      Figure(
        .uncontended, "uncontended: \(one) / \(other)", .atMost, limit, "x its time",
        group.ratios(.nanosecondsPerPair, of: one, to: other))
    }
    return [
      ratio(Name.native, Name.bare, 1.05),
      ratio(Name.nativeSpinlock, Name.bare, 1.05),
      ratio(Name.native, Name.synchronization, 0.55),
      ratio(Name.native, Name.pthread, 0.5),
      ratio(Name.paravirtual, Name.synchronization, 1.05),
    ]
  }

  /// Small enough that most chunks see no interrupt.
  private static let pairsPerChunk = 10_000

  /// Frees the lock.
  static func time<Lock: BenchmarkLock>(_ lock: Lock, seconds: Double) -> Result {
    defer { lock.free() }
    var chunks: [Double] = []
    let end = Clock.seconds + seconds
    repeat {
      chunks.append(Clock.nanoseconds(chunk(lock, pairsPerChunk)) / Double(pairsPerChunk))
    } while Clock.seconds < end
    var updates: UInt64 = 0
    lock.withLock { updates = $0 }
    let expected = UInt64(chunks.count * pairsPerChunk)
    return Result(
      nanosecondsPerPair: (Spread(chunks) ?? .none).median,
      lostUpdates: expected - min(expected, updates))
  }

  /// The loop that is timed: the same for all, and not subtracted from any.
  @inline(never)
  private static func chunk<Lock: BenchmarkLock>(_ lock: Lock, _ pairs: Int) -> UInt64 {
    let began = bench_timestamp()
    for _ in 0..<pairs {
      lock.withLock { $0 &+= 1 }
    }
    return bench_timestamp() &- began
  }
}
