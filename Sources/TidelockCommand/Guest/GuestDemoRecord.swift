import GuestTestBed
import LockPlatform
import LockSwitching
import Runs

/// What has happened in a run of the guest's demo; times are seconds since the load began.
struct GuestDemoRecord: Sendable {
  /// A phase as it was measured, by the guest's own clock.
  struct Phase: Sendable {
    let name: String
    let set: LockSet
    let start: Double
    let end: Double
    let acquisitions: Int
    let milliseconds: Int
    /// Sections of the task on each vCPU.
    let vcpus: [Int]

    var perSecond: Double { rate(acquisitions) }
    var slowest: Double { rate(vcpus.min() ?? 0) }
    var fastest: Double { rate(vcpus.max() ?? 0) }
    /// One if all vCPUs make the same progress.
    var fairness: Double { fastest > 0 ? slowest / fastest : 0 }

    private func rate(_ count: Int) -> Double {
      Double(count) * 1000 / Double(max(1, milliseconds))
    }
  }

  /// A line of the kernel's log that reports trouble, and when it appeared.
  struct Trouble: Encodable, Sendable {
    let kind: String
    let during: String
    let line: String
    /// Whether the set of the boot was in force, whose collapse is what the demo shows.
    let isNative: Bool
  }

  /// Many switches, one after the other.
  struct Soak: Sendable {
    var asked = 0
    var results: [String: Int] = [:]
    /// How long those that were done took, in microseconds.
    var took: [Double] = []
    var nmis = 0
    var start = 0.0
    var seconds = 0.0
    var samples: [ThroughputPlot.Sample] = []
    /// Why the last switch that was not done failed.
    var lastError: String?
    /// What its load counted.
    var load: GuestTorture.Statistics?

    var made: Int { results.values.reduce(0, +) }
    var done: Int { results["done", default: 0] }
  }

  var phases: [Phase] = []
  /// Nil for the torture.
  var programs: ProgramRuns?
  var switches: [(report: GuestSwitchReport, at: Double)] = []
  var samples: [ThroughputPlot.Sample] = []
  var soak: Soak?
  /// One for each load that was stopped in order.
  var exclusion: [Bool] = []
  /// What the kernel says about its text once the module is gone.
  var removal: String?
  /// `/proc/sys/kernel/tainted` at the end.
  var taint: Int?
  var troubles: [Trouble] = []
  var failure: String?
  var hasBegun = false

  /// The module compares every site and table with what it found when it was loaded.
  var textRestored: Bool? { removal.map { $0.contains(" 0 differ") } }
  /// Nil if no load was stopped in order.
  var exclusionKept: Bool? { exclusion.isEmpty ? nil : exclusion.allSatisfy { $0 } }
}
