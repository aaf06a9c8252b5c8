import Synchronization

/// The worker threads of a run, whose number changes while it goes on.
///
/// Each does the same work and leaves one result. One thread changes the crew; any thread may read
/// `operations` meanwhile.
public final class WorkerCrew<Result: Sendable>: Sendable {
  /// What each worker does until its progress tells it to stop.
  public typealias Work = @Sendable (WorkerProgress) -> Result

  private struct Worker {
    let progress = WorkerProgress()
    let result = Box()
    let thread: WorkerThread

    final class Box: Sendable {
      let value = Mutex<Result?>(nil)
    }

    init(_ work: @escaping Work) throws(ThreadError) {
      thread = try WorkerThread { [progress, result] in
        let left = work(progress)
        result.value.withLock { $0 = left }
      }
    }
  }

  private struct State {
    var workers: [Worker] = []
    var results: [Result] = []
    /// What those did who have left.
    var operations = 0
  }

  private let work: Work
  // Not a Tidelock lock: the watcher must not depend on the locks that it watches.
  private let state = Mutex(State())

  /// An empty crew.
  public init(_ work: @escaping Work) { self.work = work }

  /// How many operations have been done so far, by the workers and by those that have left.
  public var operations: Int {
    state.withLock { state in
      state.workers.reduce(state.operations) { $0 + $1.progress.operations }
    }
  }

  /// Starts threads, or stops and joins some, until there are `count`.
  public func resize(to count: Int) throws(ThreadError) {
    var size = state.withLock { $0.workers.count }
    while size < count {
      let worker = try Worker(work)
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
        if let result = worker.result.value.withLock({ $0 }) { state.results.append(result) }
      }
    }
  }

  /// Stops and joins all threads and returns what each that ever worked has left.
  public func dismiss() -> [Result] {
    // Only growing can fail.
    try? resize(to: 0)
    return state.withLock { $0.results }
  }
}
