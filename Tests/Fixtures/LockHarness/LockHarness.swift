import Synchronization
import UserSpaceShims

/// A lock as the harness drives it.
public protocol LockUnderTest: AnyObject, Sendable {
  /// A free lock.
  init()
  /// Takes it.
  func acquire()
  /// Releases it.
  func release()
}

/// Threads that take one lock and work on what only that lock guards.
///
///     let outcome = LockHarness(threads: 16, acquisitions: 100_000).run(Native())
///     // outcome.violations == 0, outcome.lost == 0
public struct LockHarness: Sendable {
  /// How many threads.
  public var threads: Int
  /// How many acquisitions in all there are at least.
  public var acquisitions: UInt64
  /// Whether threads ask for the lock again as soon as they have released it.
  public var isSaturating: Bool

  /// A harness.
  public init(threads: Int, acquisitions: UInt64, isSaturating: Bool = false) {
    self.threads = threads
    self.acquisitions = acquisitions
    self.isSaturating = isSaturating
  }

  /// What the threads have seen.
  public struct Outcome: Sendable {
    /// How often a thread found in its section that another was inside too.
    public var violations: UInt64
    /// Acquisitions of all threads, by their own count.
    public var acquisitions: UInt64
    /// Those that the guarded counter does not show.
    public var lost: Int64
    /// Acquisitions of each thread.
    public var byThread: [UInt64]

    /// Whether the lock kept its threads apart.
    public var isExclusive: Bool { violations == 0 && lost == 0 }
  }

  /// Runs threads until there have been enough acquisitions, each thread has had its turn, and
  /// `meanwhile`, which runs on the calling thread, has returned.
  public func run<Failure: Error>(
    _ lock: some LockUnderTest, meanwhile: (Progress) throws(Failure) -> Void
  ) throws(Failure) -> Outcome {
    let progress = Progress(threads: threads)
    let done = Flag()
    let enough = acquisitions
    let pausesOutside: UInt64 = isSaturating ? 1 : 32
    let workers = Workers(threads) { number in
      var random = UInt64(number) &* 0x9e37_79b9_7f4a_7c15 | 1
      progress.begin()
      while progress.counted < enough || progress.acquisitions(of: number) == 0 || !done.isRaised {
        lock.acquire()
        progress.enterSection(by: number, for: random % 16)
        lock.release()
        random ^= random << 13
        random ^= random >> 7
        random ^= random << 17
        for _ in 0..<random % pausesOutside { tidelock_pause() }
      }
    }
    progress.awaitBeginning()
    do {
      try meanwhile(progress)
    } catch {
      done.raise()
      workers.join()
      throw error
    }
    done.raise()
    workers.join()
    return progress.outcome
  }

  /// Runs threads until there have been enough acquisitions.
  public func run(_ lock: some LockUnderTest) -> Outcome {
    run(lock) { (_: Progress) in }
  }
}

/// What the harness's threads have done so far.
public final class Progress: Sendable {
  /// Two counters that are equal whenever nobody is inside, then for each thread its acquisitions
  /// and the violations it saw.
  private let words: SharedWords
  private let threads: Int
  private let begun = Atomic(0)

  init(threads: Int) {
    self.threads = threads
    words = SharedWords(2 + 2 * threads)
  }

  /// Acquisitions of all threads, as the guarded counter has it.
  public var counted: UInt64 { words[1] }

  /// Acquisitions of one thread.
  public func acquisitions(of thread: Int) -> UInt64 { words[2 + thread] }

  /// Acquisitions of each thread.
  public var byThread: [UInt64] { (0..<threads).map(acquisitions(of:)) }

  /// Waits until all threads are there, so that none is done before another begins.
  func begin() {
    begun.add(1, ordering: .relaxed)
    awaitBeginning()
  }

  func awaitBeginning() {
    wait { begun.load(ordering: .relaxed) == threads }
  }

  /// Waits for so many more acquisitions; returns how many of them were each thread's.
  public func turns(in acquisitions: UInt64) -> [UInt64] {
    let before = byThread
    let goal = counted + acquisitions
    wait { counted >= goal }
    return zip(byThread, before).map(-)
  }

  /// Waits until each thread has had another turn, but for no more than so many acquisitions;
  /// returns how many of them were each thread's.
  public func turns(atMost acquisitions: UInt64) -> [UInt64] {
    let before = byThread
    let goal = counted + acquisitions
    wait { counted >= goal || zip(byThread, before).allSatisfy { $0 > $1 } }
    return zip(byThread, before).map(-)
  }

  func enterSection(by thread: Int, for pauses: UInt64) {
    let first = words[0]
    if first != words[1] { words[2 + threads + thread] += 1 }
    words[0] = first + 1
    // Long enough for another to come in, if it can.
    for _ in 0..<pauses { tidelock_pause() }
    tidelock_compiler_barrier()
    words[1] = first + 1
    words[2 + thread] += 1
  }

  var outcome: LockHarness.Outcome {
    let sum = byThread.reduce(0, +)
    return LockHarness.Outcome(
      violations: (0..<threads).reduce(0) { $0 + words[2 + threads + $1] }, acquisitions: sum,
      lost: Int64(sum) - Int64(words[1]), byThread: byThread)
  }
}
