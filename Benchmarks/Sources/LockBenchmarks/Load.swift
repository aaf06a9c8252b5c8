import BenchmarkShims
import Synchronization

/// Threads that take one lock again and again: some work inside, some outside.
///
/// The guarded word is read when a section begins and written when it ends, so two owners at a
/// time lose an update.
enum Load {
  /// What came of it.
  struct Result {
    /// Completed before the stop, by thread.
    var operations: [UInt64]
    /// From the first thread's start to the stop.
    var seconds: Double
    /// The longest that any thread waited once, in nanoseconds.
    var longestWait: Double
    /// What the threads used of CPUs for each section, in nanoseconds: their own time and the kernel's.
    var cpuNanosecondsPerSection: Double
    /// Sections whose update of the guarded word is not there.
    var lostUpdates: UInt64

    var operationsPerSecond: Double { Double(operations.reduce(0, +)) / seconds }
    /// The slowest thread against the fastest; 0 if one got nothing.
    var fairness: Double {
      guard let least = operations.min(), let most = operations.max(), most > 0 else { return 0 }
      return Double(least) / Double(most)
    }
  }

  /// Runs the threads while the closure runs; they start together and stop together.
  ///
  /// Frees the lock.
  static func run<Lock: BenchmarkLock>(
    _ lock: Lock, threads: Int, sections: Sections, while running: () throws -> Void
  ) throws -> Result {
    let stop = OwnLines(Atomic(false))
    let counts = (0..<threads).map { _ in OwnLines(Count()) }
    let barrier = Barrier(threads + 1)
    let workers = try Workers(threads) { number in
      barrier.wait()
      let before = Clock.threadNanoseconds
      var count = work(lock, sections, stop)
      count.cpuNanoseconds = Clock.threadNanoseconds - before
      // Nobody reads it before this thread has ended.
      unsafe counts[number].pointer.pointee = count
    }
    barrier.wait()
    let outcome = Swift.Result { try running() }
    unsafe stop.pointer.pointee.store(true, ordering: .relaxed)
    let stopped = bench_timestamp()
    try workers.join()

    // All threads have ended, so all of this memory is ours again.
    let results = counts.map { unsafe $0.pointer.pointee }
    var updates: UInt64 = 0
    lock.withLock { updates = $0 }
    lock.free()
    stop.free()
    counts.forEach { $0.free() }
    barrier.free()
    try outcome.get()
    let sections = results.reduce(0) { $0 + $1.sections }
    return Result(
      operations: results.map(\.operations),
      seconds: Clock.nanoseconds(stopped &- (results.map(\.began).min() ?? stopped)) * 1e-9,
      longestWait: Clock.nanoseconds(results.map(\.longestWait).max() ?? 0),
      cpuNanosecondsPerSection: Double(results.reduce(0) { $0 + $1.cpuNanoseconds })
        / Double(max(1, sections)),
      lostUpdates: sections - min(sections, updates))
  }

  /// What a thread notes; times in ticks.
  struct Count {
    var began: UInt64 = 0
    var operations: UInt64 = 0
    var sections: UInt64 = 0
    var longestWait: UInt64 = 0
    var cpuNanoseconds: UInt64 = 0
    var result: UInt64 = 0
  }

  @inline(never)
  private static func work<Lock: BenchmarkLock>(
    _ lock: Lock, _ sections: Sections, _ stop: OwnLines<Atomic<Bool>>
  ) -> Count {
    var count = Count()
    var value: UInt64 = 1
    count.began = bench_timestamp()
    while true {
      value = bench_work(value, sections.outside)
      let asked = bench_timestamp()
      var got: UInt64 = 0
      lock.withLock { word in
        got = bench_timestamp()
        let before = word
        value = bench_work(value, sections.inside)
        word = before &+ 1
      }
      // The counters of two CPUs may differ by a little.
      if got > asked, got &- asked > count.longestWait { count.longestWait = got &- asked }
      count.sections &+= 1
      // The lock's memory is freed after this thread has ended, and so is the flag's.
      if unsafe stop.pointer.pointee.load(ordering: .relaxed) { break }
      count.operations &+= 1
    }
    count.result = value
    return count
  }
}
