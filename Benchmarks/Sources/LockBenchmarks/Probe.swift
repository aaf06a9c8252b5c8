import BenchmarkShims
import Synchronization

/// What tells how two CPUs are related, without asking anybody: how long a cache line takes from one to the
/// other, and how much they slow each other down.
///
/// Between the first two CPUs that this process may use.
struct Probe: Codable, Equatable {
  /// A cache line there and back, in nanoseconds.
  var roundTrip: Double
  /// How many times as long independent work takes on one while the other works, too; nil if other
  /// programs never left both alone.
  var slowdown: Double?

  /// Nil if there is one CPU only.
  static func measure() throws -> Probe? {
    var cpus: [Int32] = [0, 0]
    // Room for two.
    guard unsafe bench_usable_cpus(&cpus, 2) >= 2 else { return nil }
    return Probe(
      roundTrip: try RoundTrip.measure(between: cpus[0], and: cpus[1]),
      slowdown: try Slowdown.measure(on: cpus[0], beside: cpus[1]))
  }
}

/// Measures how long a cache line takes from one CPU to another and back.
enum RoundTrip {
  private static let batches = 64
  private static let perBatch: UInt64 = 100
  /// On a busy machine most batches are spoilt; a few that are not suffice.
  private static let fewBatches = 8
  private static let timeLimit = 0.05

  /// In nanoseconds: the fastest of many batches, as what disturbs one only ever adds.
  static func measure(between here: Int32, and there: Int32) throws -> Double {
    let line = OwnLines(Atomic<UInt64>(0))
    let fastest = OwnLines(0.0)
    // Odd numbers are asked, the next even ones answered. The line is freed after both have ended.
    let workers = try Workers(2) { number in
      _ = bench_pin(number == 0 ? here : there)
      if number == 0 {
        unsafe fastest.pointer.pointee = ask(line)
      } else {
        answer(line)
      }
    }
    try workers.join()
    defer {
      line.free()
      fastest.free()
    }
    return unsafe fastest.pointer.pointee
  }

  private static let goodbye = UInt64.max

  private static func ask(_ line: OwnLines<Atomic<UInt64>>) -> Double {
    var fastest = UInt64.max
    var number: UInt64 = 0
    let end = Clock.seconds + timeLimit
    for batch in 0..<batches where batch < fewBatches || Clock.seconds < end {
      let began = bench_timestamp()
      for _ in 0..<perBatch {
        unsafe line.pointer.pointee.store(number &+ 1, ordering: .relaxed)
        number &+= 2
        while unsafe line.pointer.pointee.load(ordering: .relaxed) != number {}
      }
      fastest = min(fastest, bench_timestamp() &- began)
    }
    unsafe line.pointer.pointee.store(goodbye, ordering: .relaxed)
    return Clock.nanoseconds(fastest) / Double(perBatch)
  }

  private static func answer(_ line: OwnLines<Atomic<UInt64>>) {
    while true {
      let number = unsafe line.pointer.pointee.load(ordering: .relaxed)
      if number == goodbye { return }
      if number & 1 == 1 {
        unsafe line.pointer.pointee.store(number &+ 1, ordering: .relaxed)
      }
    }
  }
}

/// Measures how much two CPUs slow each other down with work that shares no memory.
///
/// The work is multiplications that do not wait for each other (`bench_multiply`): it fills what a core
/// can do, so two hardware threads of one core get half each.
enum Slowdown {
  /// About a microsecond.
  private static let steps: UInt32 = 250
  private static let unitsPerBatch = 16
  /// Of the neighbour, during a batch: it ran for nearly all of it.
  private static let neighbourUnits: UInt64 = 12
  private static let batches = 24
  /// Of few, each may have been spoilt.
  private static let fewestBatches = 8
  private static let timeLimit = 0.02

  /// How many times as long the work takes on a CPU while the neighbour does the same; nil if they never
  /// ran together for a batch.
  static func measure(on here: Int32, beside there: Int32) throws -> Double? {
    let done = OwnLines(Atomic<UInt64>(0))
    let stop = OwnLines(Atomic(false))
    let times = OwnLines((alone: UInt64.max, together: UInt64.max))
    let barrier = Barrier(2)
    // All of it is freed after both have ended.
    let workers = try Workers(2) { number in
      _ = bench_pin(number == 0 ? here : there)
      if number == 0 {
        // The neighbour sleeps in the barrier.
        let alone = least { batch() }
        barrier.wait()
        let together = least {
          let before = unsafe done.pointer.pointee.load(ordering: .relaxed)
          let time = batch()
          let after = unsafe done.pointer.pointee.load(ordering: .relaxed)
          return after &- before >= neighbourUnits ? time : nil
        }
        unsafe stop.pointer.pointee.store(true, ordering: .relaxed)
        unsafe times.pointer.pointee = (alone, together)
      } else {
        barrier.wait()
        while unsafe !stop.pointer.pointee.load(ordering: .relaxed) {
          bench_multiply(steps)
          unsafe done.pointer.pointee.add(1, ordering: .relaxed)
        }
      }
    }
    try workers.join()
    let (alone, together) = unsafe times.pointer.pointee
    done.free()
    stop.free()
    times.free()
    barrier.free()
    guard alone > 0, alone < .max, together < .max else { return nil }
    let slowdown = Double(together) / Double(alone)
    // Two threads of a core halve it; where more is seen, other programs never left them alone.
    return slowdown < 3 ? slowdown : nil
  }

  /// The least of some batches that count, as what disturbs one only ever adds; the greatest number if too few
  /// did within the time limit.
  private static func least(_ batch: () -> UInt64?) -> UInt64 {
    var (least, count) = (UInt64.max, 0)
    let end = Clock.seconds + timeLimit
    while count < batches, Clock.seconds < end {
      guard let time = batch() else { continue }
      least = min(least, time)
      count += 1
    }
    return count < fewestBatches ? .max : least
  }

  private static func batch() -> UInt64 {
    let began = bench_timestamp()
    for _ in 0..<unitsPerBatch { bench_multiply(steps) }
    return bench_timestamp() &- began
  }
}
