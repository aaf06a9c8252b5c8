import Foundation
import Runs
import Synchronization
import Tidelock

/// How costs grow: of a switch with sites and libraries, of memory with locks, threads and sites, of waiting
/// with threads.
enum Scale {
  /// Libraries with sites, beside the program's own.
  struct Amount: Named {
    let libraries: Int
    let sites: Int

    var name: String {
      libraries == 0
        ? Self.own : "\(libraries) \(libraries == 1 ? "library" : "libraries") of \(sites) site(s)"
    }
    static let own = "the program's own"
  }

  static let amounts = [
    Amount(libraries: 0, sites: 0), Amount(libraries: 1, sites: 10),
    Amount(libraries: 1, sites: 1000), Amount(libraries: 1, sites: 10_000),
    Amount(libraries: 1, sites: 100_000), Amount(libraries: 1, sites: 1),
    Amount(libraries: 100, sites: 1), Amount(libraries: 1000, sites: 1),
  ]

  static func measure(_ settings: inout Settings, _ results: inout Results) throws {
    try measureSwitches(&settings, &results)
    guard !results.checkInterruption() else { return }
    try measureThreads(&settings, &results)
  }

  // MARK: Switches

  private static func measureSwitches(_ settings: inout Settings, _ results: inout Results) throws {
    let libraries = try SiteLibraries()
    let rounds = settings.rounds ?? 5
    var progress = Progress(runs: rounds * amounts.count)
    var paths: [String: [String]] = [:]
    for amount in amounts where amount.libraries > 0 {
      progress.waits("scale: compiling a library of \(amount.sites) site(s)")
      let path = try libraries.compile(sites: amount.sites)
      paths[amount.name] = try libraries.copies(of: path, amount.libraries)
    }
    results.sizes = try sizes(paths)
    var series = Series(
      .scale, "scale, one switch of an idle program", amounts,
      [
        .sites, .medianSwitchWithoutDrainMicroseconds, .medianSwitchMicroseconds,
        .firstSwitchMicroseconds,
      ], isByPlacement: false)
    defer {
      progress.end()
      results.add(series, series.groups.flatMap { switchFigures(series.title, $0) })
    }
    try series.measure(amounts, rounds: rounds, &settings, &progress) { amount, _ in
      let loaded = try LoadedLibraries(paths[amount.name] ?? [])
      defer { withExtendedLifetime(loaded) {} }
      return try switches()
    }
  }

  /// Switches there and back with what is loaded now; all times in microseconds.
  static func switches(count: Int = 100) throws -> [Metric: Double] {
    try LockOperations.switch(to: .paravirtual)
    var samples: [Switches.Sample] = []
    var sites: UInt32 = 0
    for number in 0..<count where CaughtSignals.last == nil {
      let report = try LockOperations.switch(to: number & 1 == 0 ? .native : .paravirtual)
      samples.append(Switches.Sample(report, "store", round: 0))
      sites = max(sites, report.sites)
    }
    try LockOperations.switch(to: .paravirtual)
    // The first touches the pages.
    let later = samples.dropFirst(2)
    guard let first = samples.first, let whole = Spread(later.map(\.whole)),
      let withoutDrain = Spread(later.map(\.withoutDrain))
    else { return [:] }
    return [
      .sites: Double(sites), .medianSwitchWithoutDrainMicroseconds: withoutDrain.median,
      .medianSwitchMicroseconds: whole.median, .firstSwitchMicroseconds: first.whole,
    ]
  }

  private static func switchFigures(_ title: String, _ group: Group) -> [Figure] {
    [(Amount.own, 25.0), (amounts[3].name, 60)].map { amount, limit in
      Figure(
        .scale, "\(title): \(amount), without drain", .atMost, limit, "µs",
        group.values(.medianSwitchWithoutDrainMicroseconds, of: amount))
    }
  }

  // MARK: Memory

  private static func sizes(_ paths: [String: [String]]) throws -> [Size] {
    func size(_ amount: Amount) throws -> Int {
      try paths[amount.name, default: []].prefix(1).reduce(0) { sum, path in
        sum + (try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? 0)
      }
    }
    let library = try LoadedLibraries(paths[amounts[1].name] ?? [])
    let (more, many) = (amounts[3], amounts[4])
    return [
      Size("a lock of Tidelock's (Spinlock)", unsafe MemoryLayout<Spinlock>.size),
      Size("a Mutex of Tidelock's around 8 bytes", MemoryLayout<Tidelock.Mutex<UInt64>>.size),
      Size(
        "Synchronization.Mutex around 8 bytes", MemoryLayout<Synchronization.Mutex<UInt64>>.size),
      Size("pthread_mutex", unsafe MemoryLayout<pthread_mutex_t>.size),
      Size("a thread that ever waited: its record", try library.number("bench_thread_size")),
      Size("a site: its entry in the table", try library.number("bench_site_size")),
      Size(
        "a site in the file, with entry, stub and how to unwind it",
        try (size(many) - size(more)) / (many.sites - more.sites)),
    ]
  }

  // MARK: Threads

  static let threadCounts = [1, 2, 4, 8, 16, 32, 64, 128, 256]

  private static func measureThreads(_ settings: inout Settings, _ results: inout Results) throws {
    let contestants =
      Contended.contestants.filter { ([Name.paravirtual] + Contended.peers).contains($0.name) }
      + settings.peers.map(\.contestant)
    let counts = settings.threads ?? threadCounts
    let rounds = settings.rounds ?? 5
    let sections = settings.sections
    var progress = Progress(runs: counts.count * rounds * contestants.count)
    defer { progress.end() }
    for threads in counts {
      // The figures of 256 are for 10 s.
      let seconds = settings.seconds ?? (threads == 256 ? 10 : 1)
      var series = Series(
        .scale, "scale, \(threads) thread(s)", contestants,
        [.operationsPerSecond, .fairness, .longestWaitMilliseconds], seconds: seconds,
        isByPlacement: true)
      defer {
        results.add(
          series,
          threads == 256 ? series.groups.flatMap { figures(series.title, $0) } : [])
      }
      try series.measure(contestants, rounds: rounds, &settings, &progress) { contestant, _ in
        let result = try contestant.load(threads, sections) { Clock.sleep(seconds: seconds) }
        results.lostUpdates += result.lostUpdates
        return [
          .operationsPerSecond: result.operationsPerSecond, .fairness: result.fairness,
          .longestWaitMilliseconds: result.longestWait * 1e-6,
        ]
      }
      guard !results.checkInterruption() else { return }
    }
  }

  private static func figures(_ title: String, _ group: Group) -> [Figure] {
    [
      Figure(
        .scale, "\(title): \(Name.paravirtual), slowest thread / fastest", in: group.placement,
        .atLeast, 0.5, "", group.values(.fairness, of: Name.paravirtual)),
      Figure(
        .scale, "\(title): \(Name.paravirtual), longest wait", in: group.placement, .atMost, 300,
        "ms", group.values(.longestWaitMilliseconds, of: Name.paravirtual)),
    ]
  }
}

/// How many bytes something takes.
struct Size: Codable, Equatable {
  let what: String
  let bytes: Int

  init(_ what: String, _ bytes: Int) { (self.what, self.bytes) = (what, bytes) }
}
