import BenchmarkShims
import Glibc
import Runs

/// Threads of the measurement, which leave signals to the main thread.
struct Workers: ~Copyable {
  private var threads: [WorkerThread] = []

  /// Starts threads that each call the body with its number.
  init(_ count: Int, body: @escaping @Sendable (Int) -> Void) throws(ThreadError) {
    for number in 0..<count { threads.append(try WorkerThread { body(number) }) }
  }

  /// Waits until all have ended.
  ///
  /// Throws if one does not: a thread that never gets its lock.
  func join(within seconds: Double = 60) throws(BenchmarkError) {
    let end = Clock.seconds + seconds
    for (number, thread) in threads.enumerated() {
      guard bench_join(thread.handle, max(0, end - Clock.seconds)) == 0 else {
        throw .hung(threads: threads.count - number, seconds: seconds)
      }
    }
  }
}

/// Where threads meet.
@safe struct Barrier: @unchecked Sendable {
  private let memory: OwnLines<pthread_barrier_t>

  init(_ count: Int) {
    memory = OwnLines(pthread_barrier_t())
    // Memory of our own, until `free`.
    unsafe pthread_barrier_init(memory.pointer, nil, UInt32(count))
  }

  func wait() {
    // As above.
    unsafe pthread_barrier_wait(memory.pointer)
  }

  /// Contract: nobody waits or will wait.
  func free() {
    unsafe pthread_barrier_destroy(memory.pointer)
    memory.free()
  }
}

/// Why a measurement cannot go on.
enum BenchmarkError: Error, CustomStringConvertible {
  case hung(threads: Int, seconds: Double)

  var description: String {
    switch self {
    case .hung(let threads, let seconds):
      """
      \(threads) threads had not got their lock \(Int(seconds)) s after the end of the run: either \
      a lost wake-up, or a machine that is far too busy; run it again on a quiet one.
      """
    }
  }
}
