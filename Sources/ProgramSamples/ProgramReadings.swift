/// What /proc says about a program at one moment: counters since the program or the machine
/// started, in nanoseconds.
///
/// Nothing of it needs privileges; what is not to be had is nil.
public struct ProgramReadings: Sendable {
  /// What a thread used.
  struct Thread: Sendable {
    var ran: Int64
    var delayed: Int64
  }

  /// By thread number; nil if the kernel counts no run delay.
  var threads: [Int: Thread]?
  /// How many threads there are, as far as that is shown.
  var threadCount: Int?
  /// For how long this program ran, and how often a CPU was taken from one of its threads; nil of
  /// another.
  var ran: Int64?
  var switches: Int64?
  /// Steal of all CPUs of the machine, and what they did altogether.
  var machine: (stolen: Int64, busy: Int64)?
  /// What the program's cgroups say.
  var groups: ControlGroups
  /// For how long at least one task of the cgroup, or of the machine, had to wait for a CPU.
  var pressure: GroupCounter?
  /// What could not be read, and why.
  var missing: [String] = []

  /// Where the kernel shows what it knows; tests show something else.
  public struct Roots: Sendable {
    let proc: String
    let cgroup: String

    /// Two folders in the place of /proc and /sys/fs/cgroup.
    public init(proc: String = "/proc", cgroup: String = "/sys/fs/cgroup") {
      self.proc = proc
      self.cgroup = cgroup
    }
  }

  /// Reads everything of another program; nil if it has ended.
  package init?(of pid: Int, _ roots: Roots, ticksPerSecond: Int64) {
    self.init(in: "\(roots.proc)/\(pid)", roots, ticksPerSecond)
    if threadCount == nil { return nil }
  }

  /// Reads everything of this program, but for one thread; nothing of it has to be there.
  package init(leavingOut thread: Int, _ roots: Roots, ticksPerSecond: Int64) {
    self.init(in: roots.proc + "/self", roots, ticksPerSecond)
    threads?[thread] = nil
    let own = OwnUse()
    ran = own.ran
    switches = own.switches
  }

  private init(in folder: String, _ roots: Roots, _ ticksPerSecond: Int64) {
    let tasks = SmallFiles.numbers(in: folder + "/task")
    threadCount = tasks.flatMap { $0.isEmpty ? nil : $0.count }
    var found: [Int: Thread] = [:]
    for task in tasks ?? [] {
      // Run time, run delay, slices; a thread may be gone by now.
      guard let (ran, delayed) = SmallFiles.twoNumbers("\(folder)/task/\(task)/schedstat")
      else { continue }
      found[task] = Thread(ran: ran, delayed: delayed)
    }
    threads = found.isEmpty ? nil : found
    if threads == nil { missing.append("run delay: the kernel shows no schedstat of the threads") }

    machine = SmallFiles.text(roots.proc + "/stat").flatMap { Self.machine($0, ticksPerSecond) }
    if machine == nil { missing.append("steal: \(roots.proc)/stat has none") }

    groups = ControlGroups(SmallFiles.text(folder + "/cgroup"), roots.cgroup)
    if let reason = groups.missing { missing.append("throttling: \(reason)") }

    pressure = groups.pressure ?? ControlGroups.pressure(roots.proc + "/pressure/cpu")
    if pressure == nil { missing.append("pressure: the kernel shows none") }
  }

  // MARK: Files

  /// `cpu user nice system idle iowait irq softirq steal ...`, in ticks.
  package static func machine(
    _ stat: String, _ ticksPerSecond: Int64
  ) -> (stolen: Int64, busy: Int64)? {
    guard let line = stat.split(separator: "\n").first, line.hasPrefix("cpu ") else { return nil }
    let ticks = line.split(separator: " ").dropFirst().compactMap { Int64($0) }
    guard ticks.count >= 8 else { return nil }
    let tick = 1_000_000_000 / max(ticksPerSecond, 1)
    return (ticks[7] * tick, (ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6]) * tick)
  }
}
