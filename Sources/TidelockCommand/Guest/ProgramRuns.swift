import GuestTestBed
import LockPlatform
import LockSwitching
import Runs

/// How long a program took in a guest under each set, and what is shown of it.
package struct ProgramRuns: Sendable {
  /// Part of a round.
  package struct Phase: Sendable, Equatable {
    package let name: String
    package let set: LockSet

    package init(_ name: String, _ set: LockSet) {
      self.name = name
      self.set = set
    }
  }

  /// One run.
  package struct Run: Sendable {
    /// Which of the phases.
    package let phase: Int
    /// As the program itself reports it.
    package let seconds: Double
  }

  /// `hackbench` or `files`, as on the command line.
  package let name: String
  package let workload: GuestWorkload
  /// The phases of each round.
  package let phases: [Phase]
  package private(set) var runs: [Run] = []

  package init(_ workload: GuestWorkload, phases: [Phase]) {
    name = workload.program.rawValue
    self.workload = workload
    self.phases = phases
  }

  /// Adds a run of a phase.
  package mutating func add(phase: Int, seconds: Double) {
    runs.append(Run(phase: phase, seconds: seconds))
  }

  /// The phases that have been run, in order.
  package var byPhase: [(phase: Phase, spread: Spread)] {
    phases.enumerated().compactMap { index, phase in
      Spread(runs.filter { $0.phase == index }.map(\.seconds)).map { (phase, $0) }
    }
  }

  /// All runs under a set.
  package func spread(_ set: LockSet) -> Spread? {
    Spread(runs.filter { phases[$0.phase].set == set }.map(\.seconds))
  }

  // MARK: What is shown

  package var table: RunTable {
    let native = spread(.native)?.median
    return RunTable(
      "\(workload.program.measure) by lock set",
      columns: [
        .words("lock set"), .words("phase"), .numbers("runs"), .numbers("median"),
        .numbers("shortest"), .numbers("longest"), .numbers("times as fast as native"),
      ],
      rows: byPhase.map { phase, spread in
        [
          phase.set.name.description, phase.name, String(spread.count), spread.text(\.median),
          spread.text(\.minimum), spread.text(\.maximum),
          native.map { Quantity.ratio($0 / spread.median) } ?? "-",
        ]
      })
  }

  /// The spread of each phase, where there are runs.
  package var plots: [SpreadPlot] {
    guard !runs.isEmpty else { return [] }
    return [
      SpreadPlot(
        title: "\(workload.program.measure) by lock set",
        groups: byPhase.map { phase, spread in
          .init(
            "\(phase.set.name), \(phase.name)",
            [.init(fewRuns: spread, in: 1e6)])
        })
    ]
  }

  /// What each set does for the program on these CPUs, if native and paravirtual were measured.
  package func finding(vcpus: Int, on cpus: String) -> String? {
    guard let native = spread(.native), let paravirtual = spread(.paravirtual) else { return nil }
    let ratio = native.median / paravirtual.median
    var text =
      "With \(vcpus) vCPUs on \(cpus) \(workload.program.name) takes \(native.text(\.median)) in"
      + " the median with native operations and \(paravirtual.text(\.median)) with paravirtual"
      + " ones, which are \(Quantity.ratio(ratio)) times as fast"
    if let testAndSet = spread(.testAndSet) {
      text += "; with test-and-set \(testAndSet.text(\.median))"
    }
    return text + "."
  }
}

extension Spread {
  /// One of its values, which are seconds.
  fileprivate func text(_ value: KeyPath<Spread, Double>) -> String {
    Quantity.duration(microseconds: self[keyPath: value] * 1e6)
  }
}
