import Runs
import Tidelock

/// What a switch costs while many threads are busy with a lock, and whether it keeps exclusion.
enum Switches {
  /// One switch that was carried out.
  struct Sample {
    let method: String
    let to: LockSet
    let round: Int
    /// All in microseconds.
    let whole: Double
    let drain: Double
    let longestStall: Double
    let breakpoints: UInt64

    var withoutDrain: Double { whole - drain }
  }

  /// How patch sites are changed.
  private struct Method: Named {
    let name: String
    let poking: PokeMethod
  }

  private static let methods = [
    Method(name: "store", poking: .store), Method(name: "breakpoint", poking: .breakpoint),
  ]

  /// How many threads the figures are for.
  static let threads = 16
  static let figureSwitches = 100_000

  static func measure(_ settings: inout Settings, _ results: inout Results) throws {
    let rounds = min(settings.rounds ?? 10, settings.switches)
    let perRound = (settings.switches + rounds - 1) / rounds
    let sections = settings.sections
    // The gaps are the same for both methods: it is the round that seeds them.
    let seed = settings.generator.next()
    var samples: [Sample] = []
    var undone: [String] = []
    var lost: UInt64 = 0
    var series = Series(
      .switches, "switches, \(threads) threads", methods,
      [.medianSwitchMicroseconds, .medianSwitchWithoutDrainMicroseconds])
    var progress = Progress(runs: rounds * methods.count)
    defer {
      progress.end()
      results.lostUpdates += lost
      results.undoneSwitches += undone
      results.add(series, figures(series, samples.count, lost + UInt64(undone.count)))
      results.switches += series.groups.flatMap { table(samples, $0) }
    }
    try series.measure(
      methods, rounds: rounds, &settings, &progress
    ) { method, round in
      var gaps = SeededGenerator(seed: seed &+ UInt64(round))
      var ofRun: [Sample] = []
      // Ends paravirtual, where threads stop soonest.
      try LockOperations.switch(to: .paravirtual)
      let load = try Load.run(TidelockMutex(), threads: threads, sections: sections) {
        for number in 0..<perRound where CaughtSignals.last == nil {
          Clock.sleep(seconds: Double.random(in: 0..<0.001, using: &gaps))
          let target: LockSet = number & 1 == 0 ? .native : .paravirtual
          do throws(SwitchError) {
            let report = try LockOperations.switch(to: target, poking: method.poking)
            ofRun.append(Sample(report, method.name, round: round))
          } catch {
            undone.append("\(method.name), to \(target): \(error)")
          }
        }
        try LockOperations.switch(to: .paravirtual)
      }
      lost += load.lostUpdates
      samples += ofRun
      guard let whole = Spread(ofRun.map(\.whole)),
        let withoutDrain = Spread(ofRun.map(\.withoutDrain))
      else { return [:] }
      return [
        .medianSwitchMicroseconds: whole.median,
        .medianSwitchWithoutDrainMicroseconds: withoutDrain.median,
      ]
    }
  }

  private static func figures(_ series: Series, _ count: Int, _ wrong: UInt64) -> [Figure] {
    series.groups.flatMap { group in
      methods.map { method in
        Figure(
          .switches, "\(series.title): median without drain, \(method.name)", in: group.placement,
          .below, 1, "ms",
          group.values(.medianSwitchWithoutDrainMicroseconds, of: method.name).map { $0 * 1e-3 })
      }
    } + [
      Figure(
        .switches, "switches under \(threads) threads: lost updates, undone switches",
        note: "\(count) switches", .atMost, 0, "of \(figureSwitches)",
        count > 0 ? [Double(wrong)] : [], isComplete: wrong > 0 || count >= figureSwitches)
    ]
  }

  /// By method and direction, over the runs in one placement.
  private static func table(_ samples: [Sample], _ group: Group) -> [SwitchRow] {
    methods.flatMap { method in
      let counted = Set(group.rounds.filter { group.includes(method.name, $0) }.map(\.number))
      return [LockSet.paravirtual, .native].compactMap { target in
        SwitchRow(
          method.name, to: target, in: group.placement,
          samples.filter { sample in
            sample.method == method.name && sample.to == target
              && counted.contains(sample.round)
          })
      }
    }
  }
}

extension Switches.Sample {
  init(_ report: SwitchReport, _ method: String, round: Int) {
    let drain = report.steps.reduce(.zero) { sum, step in
      if case .drain = step.kind { sum + step.duration } else { sum }
    }
    self.init(
      method: method, to: report.to, round: round, whole: report.duration / .microseconds(1),
      drain: drain / .microseconds(1), longestStall: report.longestStall / .microseconds(1),
      breakpoints: report.breakpoints)
  }
}

/// Many switches by one method in one direction, with times in microseconds.
struct SwitchRow: Codable {
  let method: String
  let to: String
  let placement: Placement?
  let count: Int
  let whole: Spread
  let withoutDrain: Spread
  /// The longest that a thread was stalled by a switch.
  let stall: Spread
  let breakpoints: UInt64

  init?(
    _ method: String, to set: LockSet, in placement: Placement?, _ samples: [Switches.Sample]
  ) {
    guard let whole = Spread(samples.map(\.whole)),
      let withoutDrain = Spread(samples.map(\.withoutDrain)),
      let stall = Spread(samples.map(\.longestStall))
    else { return nil }
    self.method = method
    to = "\(set)"
    self.placement = placement
    count = samples.count
    self.whole = whole
    self.withoutDrain = withoutDrain
    self.stall = stall
    breakpoints = samples.reduce(0) { $0 + $1.breakpoints }
  }
}
