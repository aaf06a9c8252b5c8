import BenchmarkShims
import Glibc

/// Threads of the measurement, plain pthreads that leave signals to the main thread.
struct Workers: ~Copyable {
  private var threads: [pthread_t] = []

  /// Starts threads that each call the body with its number.
  init(_ count: Int, body: @escaping @Sendable (Int) -> Void) throws(BenchmarkError) {
    bench_block_interrupts(1)
    defer { bench_block_interrupts(0) }
    for number in 0..<count {
      // The thread takes the reference over, so it lives even if nobody waits for the thread.
      let task = unsafe Unmanaged.passRetained(Task(number, body))
      var thread = pthread_t()
      let error = unsafe pthread_create(
        &thread, nil,
        { argument in
          guard let argument = unsafe argument else { return nil }
          let task = unsafe Unmanaged<Task>.fromOpaque(argument).takeRetainedValue()
          task.body(task.number)
          return nil
        }, task.toOpaque())
      guard error == 0 else {
        unsafe task.release()
        throw .noThread(number: number, error: error)
      }
      threads.append(thread)
    }
  }

  /// Waits until all have ended.
  ///
  /// Throws if one does not: a thread that never gets its lock.
  func join(within seconds: Double = 60) throws(BenchmarkError) {
    let end = Clock.seconds + seconds
    for (number, thread) in threads.enumerated() {
      guard bench_join(thread, max(0, end - Clock.seconds)) == 0 else {
        throw .hung(threads: threads.count - number, seconds: seconds)
      }
    }
  }

  private final class Task: Sendable {
    let number: Int
    let body: @Sendable (Int) -> Void

    init(_ number: Int, _ body: @escaping @Sendable (Int) -> Void) {
      self.number = number
      self.body = body
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
  case noThread(number: Int, error: Int32)
  case hung(threads: Int, seconds: Double)

  var description: String {
    switch self {
    case .noThread(let number, let error):
      """
      Thread \(number) could not be started (\(unsafe String(cString: strerror(error)))); ask for \
      fewer with --threads, or raise the limit on processes.
      """
    case .hung(let threads, let seconds):
      """
      \(threads) threads had not got their lock \(Int(seconds)) s after the end of the run: either \
      a lost wake-up, or a machine that is far too busy; run it again on a quiet one.
      """
    }
  }
}
