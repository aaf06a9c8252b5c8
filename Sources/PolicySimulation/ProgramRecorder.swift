import Foundation
import SwitchPolicy

/// Makes samples of a program of this machine, from outside of it and without privileges.
public struct ProgramRecorder {
  /// There is no such program, or it cannot be seen.
  public struct NoProgram: Error, CustomStringConvertible {
    let pid: Int

    /// One sentence.
    public var description: String {
      "No program has the number \(pid), or this user may not see it; `ps` lists those there are."
    }
  }

  /// A sample, and what it was made of.
  public struct Recorded: Sendable {
    /// What a policy is given.
    public let sample: PolicySample
    /// The signals one by one, in microseconds.
    public let signals: [String: Int64]
  }

  /// What was not to be had at the start, and why.
  public let missing: [String]

  private let pid: Int
  private let roots: ProgramReadings.Roots
  private let ticksPerSecond: Int64
  private var before: ProgramReadings
  private var time: UInt64

  /// Looks at the program for the first time; `time` is now, in nanoseconds.
  public init(
    of pid: Int, at time: UInt64, _ roots: ProgramReadings.Roots = .init(),
    ticksPerSecond: Int = sysconf(Int32(_SC_CLK_TCK))
  ) throws(NoProgram) {
    self.pid = pid
    self.roots = roots
    self.ticksPerSecond = Int64(ticksPerSecond)
    self.time = time
    guard let first = ProgramReadings(of: pid, roots, ticksPerSecond: self.ticksPerSecond) else {
      throw NoProgram(pid: pid)
    }
    before = first
    missing =
      first.missing + [
        "hint: a program is not told", "the locks' own observation: only the program itself has it",
      ]
  }

  /// The head of a trace of the program.
  public var trace: Trace {
    Trace(.program, isSynthetic: false, comment: "program \(pid)", missing: missing)
  }

  /// What happened since the last look; nil if the program has ended.
  public mutating func look(at now: UInt64) -> Recorded? {
    guard let after = ProgramReadings(of: pid, roots, ticksPerSecond: ticksPerSecond) else {
      return nil
    }
    defer {
      before = after
      time = now
    }
    // Whole microseconds, the unit of traces: rounded apart, a share could come out above one.
    let elapsed = (now &- time) / 1000 * 1000
    let cpus = UInt32(clamping: max(after.threadCount, before.threadCount))
    var signals: [String: Int64] = [:]
    var ran: Int64?
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
      signals["ran_us"] = sum.ran / 1000
      signals["run_delay_us"] = sum.delayed / 1000
    }
    let stolen = Self.difference(after.machine?.stolen, before.machine?.stolen)
    let busy = Self.difference(after.machine?.busy, before.machine?.busy)
    let throttled = Self.difference(after.throttled, before.throttled)
    let pressure = Self.difference(after.pressure, before.pressure)
    signals["machine_steal_us"] = stolen.map { $0 / 1000 }
    signals["throttled_us"] = throttled.map { $0 / 1000 }
    signals["pressure_us"] = pressure.map { $0 / 1000 }

    // Run delay includes being throttled, and pressure is waiting seen from outside: the most of
    // them, not their sum. Steal comes on top, since the program's threads count as running meanwhile;
    // of the machine's, it has as large a part as of the machine's work.
    var waited = [delayed, throttled, delayed == nil ? pressure : nil].compactMap { $0 }.max()
    if let least = [delayed, throttled, pressure, stolen].compactMap({ $0 }).min(), least < 0 {
      // One counter that ran backwards makes the sample one that cannot be true.
      waited = least
    } else if let stolen {
      let part = ran.flatMap { ran in busy.map { $0 > 0 ? min(Double(ran) / Double($0), 1) : 1 } }
      waited = (waited ?? 0) + Int64(Double(stolen) * (part ?? 1))
    }
    // A delay is booked when it ends: what exceeds this sample belongs to those before.
    let most = Int64(clamping: elapsed.multipliedReportingOverflow(by: UInt64(cpus)).partialValue)
    return Recorded(
      sample: PolicySample(
        time: now, elapsed: elapsed, cpus: cpus, waited: waited.map { min($0, most) },
        ran: ran.map { min($0, most) }),
      signals: signals)
  }

  /// A counter that ran backwards stays negative: the policy knows what that means.
  private static func difference(_ after: Int64?, _ before: Int64?) -> Int64? {
    guard let after, let before else { return nil }
    return after &- before
  }
}
