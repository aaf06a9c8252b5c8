import Glibc
import SwitchPolicy

/// What this machine goes through if it is a guest, as a program in it sees it: what its kernel counts
/// as stolen, and what its CPUs did.
///
/// In ticks, of which there are mostly 100 a second: a short sample is a coarse one.
public struct MachineSamples: Sendable {
  /// What is not to be had, and why.
  public let missing = [
    "hint: the hypervisor tells it to the kernel only",
    "the locks' own observation: the kernel's do not look",
  ]

  private let roots: ProgramReadings.Roots
  private let ticksPerSecond: Int64
  private let cpus: @Sendable () -> Int
  private var before: (stolen: Int64, busy: Int64)
  private var time: UInt64
  private var late = LateBooking(longest: 2_000_000_000)

  /// Looks for the first time; `time` is now, in nanoseconds.
  ///
  /// Nil if the kernel shows nothing.
  package init?(
    at time: UInt64, _ roots: ProgramReadings.Roots = .init(),
    ticksPerSecond: Int = ProgramSamples.ticksPerSecond,
    cpus: @escaping @Sendable () -> Int = { sysconf(Int32(_SC_NPROCESSORS_ONLN)) }
  ) {
    self.roots = roots
    self.ticksPerSecond = Int64(ticksPerSecond)
    self.cpus = cpus
    self.time = time
    guard let first = Self.read(roots, self.ticksPerSecond) else { return nil }
    before = first
  }

  private static func read(
    _ roots: ProgramReadings.Roots, _ ticks: Int64
  ) -> (stolen: Int64, busy: Int64)? {
    SmallFiles.text(roots.proc + "/stat").flatMap { ProgramReadings.machine($0, ticks) }
  }

  /// What happened since the last look; nil if the kernel shows nothing any more.
  package mutating func look(at now: UInt64) -> ProgramSamples.Recorded? {
    guard let after = Self.read(roots, ticksPerSecond) else { return nil }
    defer {
      before = after
      time = now
    }
    let (stolen, ran) = (after.stolen &- before.stolen, after.busy &- before.busy)
    let elapsed = (now &- time) / 1000 * 1000
    let count = UInt32(clamping: max(cpus(), 1))
    // A tick counts as a whole one, however much of it is over.
    let most = Int64(clamping: elapsed.multipliedReportingOverflow(by: UInt64(count)).partialValue)
    let sample = PolicySample(
      time: now, elapsed: elapsed, cpus: count, waited: stolen, ran: min(ran, most))
    return ProgramSamples.Recorded(
      sample: late.book(sample),
      signals: ["machine_steal_us": stolen / 1000, "ran_us": ran / 1000])
  }
}
