import BenchmarkShims
import Synchronization

/// A thread of the lowest priority (nice 19) with work of its own, which takes no part in what is measured:
/// what it gets done is what a lock leaves to others.
enum Background {
  private static let stepsPerUnit: UInt32 = 1000

  /// How many steps of work a second it does while the closure runs.
  static func rate(while running: () throws -> Void) throws -> Double {
    let stop = OwnLines(Atomic(false))
    let steps = OwnLines(0.0)
    let barrier = Barrier(2)
    // All of it is freed after the thread has ended, and nobody looks before.
    let workers = try Workers(1) { _ in
      _ = bench_lowest_priority()
      barrier.wait()
      var (value, units) = (UInt64(1), 0.0)
      repeat {
        value = bench_work(value, stepsPerUnit)
        units += 1
      } while unsafe !stop.pointer.pointee.load(ordering: .relaxed)
      unsafe steps.pointer.pointee = units * Double(stepsPerUnit)
    }
    barrier.wait()
    // Not from when it first runs: until then it is kept from running.
    let began = bench_timestamp()
    let outcome = Result { try running() }
    unsafe stop.pointer.pointee.store(true, ordering: .relaxed)
    let nanoseconds = Clock.nanoseconds(bench_timestamp() &- began)
    try workers.join()
    defer {
      stop.free()
      steps.free()
      barrier.free()
    }
    try outcome.get()
    return unsafe steps.pointer.pointee / (nanoseconds * 1e-9)
  }
}
