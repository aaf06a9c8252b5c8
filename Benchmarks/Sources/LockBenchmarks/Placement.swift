import BenchmarkShims
import Synchronization

/// How far apart the CPUs are just now.
///
/// A host moves the virtual CPUs of its guests between cores that share a cache and cores that do
/// not, within seconds, and what contended locks cost changes with it several-fold. So only what
/// was measured under one placement is compared.
enum Placement: String, Codable, CaseIterable {
  /// A cache line goes there and back in less than `boundary` nanoseconds.
  case near
  case far
  /// It changed while a round was measured.
  case mixed
  /// There is one CPU only.
  case alone

  /// Between what has been seen near (66-210 ns) and far (470-790 ns).
  static let boundary = 320.0

  init(roundTrips: [Double]) {
    let classes = Set(roundTrips.map { $0 < Self.boundary ? Placement.near : .far })
    self = classes.count > 1 ? .mixed : classes.first ?? .alone
  }
}

/// Measures how long a cache line takes from one CPU to another and back.
enum RoundTrip {
  private static let batches = 64
  private static let perBatch: UInt64 = 100
  /// On a busy machine most batches are spoilt; a few that are not suffice.
  private static let fewBatches = 8
  private static let timeLimit = 0.05

  /// In nanoseconds, between the first two CPUs that this process may use; nil if there is one.
  ///
  /// The fastest of many batches: what disturbs one only ever adds.
  static func measure() throws -> Double? {
    var cpus: [Int32] = [0, 0]
    // Room for two.
    guard unsafe bench_usable_cpus(&cpus, 2) >= 2 else { return nil }
    let (here, there) = (cpus[0], cpus[1])
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
