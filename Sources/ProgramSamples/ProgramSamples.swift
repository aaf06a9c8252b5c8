import Glibc
import SwitchPolicy

/// What a program goes through, as samples for a policy: of this program or, from outside, of another.
public struct ProgramSamples: Sendable {
  /// Whose samples.
  package enum Subject: Sendable {
    /// Those of another program.
    case other(pid: Int)
    /// Those of this program, less one thread: the one that looks.
    case this(leavingOut: Int)
  }

  /// A sample, and what it was made of.
  public struct Recorded: Sendable {
    /// What a policy is given.
    public let sample: PolicySample
    /// The signals one by one, in microseconds; `switches` and `throttled_periods` are numbers, and
    /// `quota_us` is the CPU time that is allowed a second.
    public let signals: [String: Int64]
  }

  /// The kernel's ticks in a second, in which it counts steal.
  public static var ticksPerSecond: Int { sysconf(Int32(_SC_CLK_TCK)) }

  /// For how long a thread waits at least whose CPU was taken, in nanoseconds: a slice of another.
  static let slice: Int64 = 3_000_000

  private let subject: Subject
  private let roots: ProgramReadings.Roots
  private let ticksPerSecond: Int64
  private var before: ProgramReadings
  private var time: UInt64

  /// Looks for the first time; `time` is now, in nanoseconds.
  ///
  /// Nil if the other program has ended.
  package init?(
    of subject: Subject, at time: UInt64, _ roots: ProgramReadings.Roots = .init(),
    ticksPerSecond: Int = ticksPerSecond
  ) {
    self.subject = subject
    self.roots = roots
    self.ticksPerSecond = Int64(ticksPerSecond)
    self.time = time
    guard let first = Self.read(subject, roots, self.ticksPerSecond) else { return nil }
    before = first
  }

  /// What was not to be had at the last look, and why.
  public var missing: [String] { before.missing }

  private static func read(
    _ subject: Subject, _ roots: ProgramReadings.Roots, _ ticks: Int64
  ) -> ProgramReadings? {
    switch subject {
    case .other(let pid): ProgramReadings(of: pid, roots, ticksPerSecond: ticks)
    case .this(let thread): ProgramReadings(leavingOut: thread, roots, ticksPerSecond: ticks)
    }
  }

  /// What happened since the last look; nil if the other program has ended.
  public mutating func look(at now: UInt64) -> Recorded? {
    guard let after = Self.read(subject, roots, ticksPerSecond) else { return nil }
    defer {
      before = after
      time = now
    }
    // Whole microseconds, the unit of traces: rounded apart, a share could come out above one.
    let elapsed = (now &- time) / 1000 * 1000
    var signals: [String: Int64] = [:]
    var ran = Self.difference(after.ran, before.ran)
    var delayed: Int64?
    if let old = before.threads, let new = after.threads {
      var sum = ProgramReadings.Thread(ran: 0, delayed: 0)
      for (number, thread) in new {
        // All that a new thread did, it did since the last look.
        let base = old[number] ?? .init(ran: 0, delayed: 0)
        sum.ran += thread.ran - base.ran
        sum.delayed += thread.delayed - base.delayed
      }
      ran = sum.ran
      delayed = sum.delayed
      signals["run_delay_us"] = sum.delayed / 1000
    }
    signals["ran_us"] = ran.map { $0 / 1000 }
    let stolen = Self.difference(after.machine?.stolen, before.machine?.stolen)
    let busy = Self.difference(after.machine?.busy, before.machine?.busy)
    let throttled = after.groups.throttled.growth(since: before.groups.throttled)
    let periods = after.groups.throttledPeriods.growth(since: before.groups.throttledPeriods)
    let pressure = [after.pressure].compactMap { $0 }.growth(
      since: [before.pressure].compactMap { $0 })
    let switches = Self.difference(after.switches, before.switches)
    signals["machine_steal_us"] = stolen.map { $0 / 1000 }
    signals["throttled_us"] = throttled.map { $0 / 1000 }
    signals["throttled_periods"] = periods
    signals["quota_us"] = after.groups.quota.map { $0 / 1000 }
    signals["pressure_us"] = pressure.map { $0 / 1000 }
    signals["switches"] = switches

    // Run delay includes being throttled, and pressure is waiting seen from outside: the most of
    // them, not their sum. So is a CPU that was taken, where nobody says for how long, by another
    // thread or by the quota. Steal comes on top, since the program's threads count as running
    // meanwhile; of the machine's, it has as large a part as of the machine's work.
    let taken = [switches, throttled == nil ? periods : nil].map { $0.map { $0 &* Self.slice } }
    let guesses = delayed == nil ? [pressure] + taken : []
    var waited = ([delayed, throttled] + guesses).compactMap { $0 }.max()
    let counters = [delayed, throttled, periods, pressure, stolen, switches]
    if let least = counters.compactMap({ $0 }).min(), least < 0 {
      // One counter that ran backwards makes the sample one that cannot be true.
      waited = least
    } else if let stolen {
      let part = ran.flatMap { ran in busy.map { $0 > 0 ? min(Double(ran) / Double($0), 1) : 1 } }
      waited = (waited ?? 0) + Int64(Double(stolen) * (part ?? 1))
    }
    return Recorded(
      sample: sample(at: now, elapsed, waited: waited, ran: ran, after), signals: signals)
  }

  private func sample(
    at now: UInt64, _ elapsed: UInt64, waited: Int64?, ran: Int64?, _ after: ProgramReadings
  ) -> PolicySample {
    let shown = [after.threadCount, before.threadCount].compactMap { $0 }.max()
    // Where nobody shows threads: as many as it takes to run and wait for so long.
    let used = max(ran ?? 0, 0).addingReportingOverflow(max(waited ?? 0, 0)).partialValue
    let cpus = shown ?? Int(max(used / max(Int64(clamping: elapsed), 1) + 1, 1))
    let most = Int64(
      clamping: elapsed.multipliedReportingOverflow(by: UInt64(max(cpus, 1))).partialValue)
    return PolicySample(
      time: now, elapsed: elapsed, cpus: UInt32(clamping: cpus),
      // A delay is booked when it ends: what exceeds this sample belongs to those before.
      waited: waited.map { min($0, most) }, ran: ran.map { min($0, most) })
  }

  /// A counter that ran backwards stays negative: the policy knows what that means.
  private static func difference(_ after: Int64?, _ before: Int64?) -> Int64? {
    guard let after, let before else { return nil }
    return after &- before
  }
}
