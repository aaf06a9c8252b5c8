import Foundation

/// What becomes of a program that changes only its import: processes that do the same work for some time, with
/// Tidelock's mutex in the set that a program starts in and with the standard library's, one and several
/// at a time.
enum ImportOnly {
  struct Contestant: Named {
    let name: String
    let mutex: ImportOnlyWork.Mutex
  }

  static let contestants = [
    Contestant(name: Name.asItStarts, mutex: .tidelock),
    Contestant(name: Name.synchronization, mutex: .synchronization),
  ]

  static func measure(_ settings: inout Settings, _ results: inout Results) throws {
    let runners = settings.threads ?? [1, 4, 16, 64, 256]
    let processes = [1, 2, 4, 8]
    let seconds = settings.seconds ?? 0.2
    let rounds = settings.rounds ?? 5
    var progress = Progress(
      runs: ImportOnlyWork.Runner.allCases.count * runners.count * processes.count * rounds
        * contestants.count)
    defer { progress.end() }
    for kind in ImportOnlyWork.Runner.allCases {
      for count in runners {
        for processes in processes {
          var series = Series(
            .importOnly, "import only, \(count) \(kind.rawValue), \(processes) at a time",
            contestants, [.operationsPerSecond], seconds: seconds)
          defer { results.add(series, series.groups.map { figure(series.title, $0) }) }
          try series.measure(
            contestants, rounds: rounds, &settings, &progress
          ) { contestant, _ in
            let work = ImportOnlyWork(
              mutex: contestant.mutex, runner: kind, runners: count, seconds: seconds)
            let run = try work.run(inProcesses: processes)
            results.lostUpdates += run.lostUpdates
            return [.operationsPerSecond: Double(run.sections) / seconds]
          }
          guard !results.checkInterruption() else { return }
        }
      }
    }
  }

  private static func figure(_ title: String, _ group: Group) -> Figure {
    // The time that one section takes: throughputs the other way round.
    Figure(
      .importOnly, "\(title): \(Name.asItStarts) / \(Name.synchronization)", in: group.placement,
      .atMost, 1.1, "x its time",
      group.ratios(.operationsPerSecond, of: Name.synchronization, to: Name.asItStarts))
  }
}
