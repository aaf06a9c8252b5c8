/// `tidelock_torture.ko` in a guest: load on its spinlocks, and the proof that they exclude.
public struct GuestTorture: Sendable {
  static let folder = "/sys/kernel/tidelock_torture"
  private let shell: GuestShell

  /// The kind of load.
  public struct Load: Sendable, Equatable {
    /// How many locks the tasks share.
    public var locks = 1
    /// Loops inside a section.
    public var inside = 2000
    /// Loops between two sections.
    public var outside = 2000
    /// The longest extra time of one section in 256, in microseconds.
    public var delay = 0
    /// Whether every other section runs with interrupts off.
    public var interruptsOff = false
    /// Microseconds between two timer interrupts that take locks, on each CPU; 0: none.
    public var nested = 0
    /// Microseconds, roughly, between two NMIs from each CPU to some other; needs `nested`.
    public var nmi = 0
    /// Whether the NMIs of all CPUs share one lock; otherwise each CPU's have one of their own.
    public var nmisShare = true
    /// Leaves out the locks, to show that the checks notice.
    public var broken = false

    /// Long sections on one lock.
    public init() {}

    /// Everything at once: several locks, interrupts off now and then, delays, all contexts.
    public static var everything: Load {
      var load = Load()
      (load.locks, load.inside, load.outside) = (2, 200, 1000)
      (load.delay, load.interruptsOff, load.nested, load.nmi) = (200, true, 4000, 20_000)
      return load
    }
  }

  /// What was counted since the last start.
  public struct Statistics: Codable, Sendable, Equatable {
    /// Whether threads run.
    public let running: Bool
    /// How long they have run.
    public let milliseconds: Int
    /// The same, in finer units.
    public let microseconds: Int
    /// Sections in all contexts.
    public let acquisitions: Int
    /// Sections of the CPU with the fewest.
    public let slowestCPU: Int
    /// Sections of the CPU with the most.
    public let fastestCPU: Int
    /// Sections that met another one.
    public let violations: Int
    /// By context: task, softirq, hardirq, nmi.
    public let contexts: [String: Context]
    /// Once stopped: whether no section met another, and all counts add up.
    public let exclusion: Bool?
    /// Sections of the task on each CPU.
    public let cpus: [Int]

    /// What one context did.
    public struct Context: Codable, Sendable, Equatable {
      /// Its sections.
      public let acquisitions: Int
      /// The longest it waited for a lock.
      public let longestWait: Int

      enum CodingKeys: String, CodingKey {
        case acquisitions
        case longestWait = "longest_wait_microseconds"
      }
    }

    enum CodingKeys: String, CodingKey {
      case running, milliseconds, microseconds, acquisitions, violations, contexts, exclusion, cpus
      case slowestCPU = "slowest_cpu"
      case fastestCPU = "fastest_cpu"
    }

    /// Sections in a second.
    public var rate: Double { Double(acquisitions) * 1000 / Double(max(1, milliseconds)) }
  }

  /// Loads the module; the guest must hold it in its root folder.
  public static func load(in shell: GuestShell) async throws(GuestError) -> GuestTorture {
    try await shell.run("insmod /tidelock_torture.ko")
    return GuestTorture(shell: shell)
  }

  /// Starts a thread on every CPU; counts begin at zero.
  public func start(_ load: Load) async throws(GuestError) {
    let settings = [
      ("locks", load.locks), ("inside", load.inside), ("outside", load.outside),
      ("delay", load.delay), ("interrupts_off", load.interruptsOff ? 1 : 0),
      ("nested", load.nested), ("nmi", load.nmi), ("nmi_shared", load.nmisShare ? 1 : 0),
      ("broken", load.broken ? 1 : 0),
    ]
    // All in one command: the guest may be slow to answer.
    let words = settings.map { "echo \($0.1) > \(Self.folder)/\($0.0)" }
    try await shell.run((words + ["echo 1 > \(Self.folder)/run"]).joined(separator: " && "))
  }

  /// Ends the threads and returns what they counted.
  @discardableResult
  public func stop(limit: Duration = .seconds(90)) async throws(GuestError) -> Statistics {
    try await shell.write("0", to: "\(Self.folder)/run", limit: limit)
    return try await statistics
  }

  /// What has been counted.
  public var statistics: Statistics {
    get async throws(GuestError) { try await shell.decode(cat: "\(Self.folder)/stats") }
  }

  /// Removes the module.
  public func unload() async throws(GuestError) {
    try await shell.run("rmmod tidelock_torture")
  }
}
