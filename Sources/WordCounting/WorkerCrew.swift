import Synchronization

/// The worker threads of a run, whose number changes while it goes on.
///
/// One thread changes the crew; any thread may read `operations` meanwhile.
public final class WorkerCrew: Sendable {
  private struct Worker {
    let progress = WorkerProgress()
    let tally = Box()
    let thread: WorkerThread

    final class Box: Sendable {
      let value = Mutex<Tally?>(nil)
    }

    init(_ counter: WordCounter) throws(ThreadError) {
      thread = try WorkerThread { [progress, tally] in
        let result = counter.work(progress)
        tally.value.withLock { $0 = result }
      }
    }
  }

  private struct State {
    var workers: [Worker] = []
    var tallies: [Tally] = []
    /// What those counted who have left.
    var operations = 0
  }

  private let counter: WordCounter
  // Not one of Tidelock's locks: who watches must not depend on what is watched.
  private let state = Mutex(State())

  /// A crew of nobody.
  public init(_ counter: WordCounter) { self.counter = counter }

  /// How many words have been counted so far by those who work and those who have left.
  public var operations: Int {
    state.withLock { state in
      state.workers.reduce(state.operations) { $0 + $1.progress.operations }
    }
  }

  /// Starts threads, or stops and joins some, until there are `count`.
  public func resize(to count: Int) throws(ThreadError) {
    var size = state.withLock { $0.workers.count }
    while size < count {
      let worker = try Worker(counter)
      state.withLock { $0.workers.append(worker) }
      size += 1
    }
    let leaving = state.withLock { $0.workers.suffix(max(0, $0.workers.count - count)) }
    for worker in leaving { worker.progress.requestStop() }
    for worker in leaving { worker.thread.join() }
    state.withLock { state in
      state.workers.removeLast(leaving.count)
      for worker in leaving {
        state.operations += worker.progress.operations
        if let tally = worker.tally.value.withLock({ $0 }) { state.tallies.append(tally) }
      }
    }
  }

  /// Stops and joins all threads and returns what each that ever worked has counted.
  public func dismiss() -> [Tally] {
    // Only growing can fail.
    try? resize(to: 0)
    return state.withLock { $0.tallies }
  }
}
