/// Switches under locktorture, one kind of lock after the other.
public struct GuestLocktortureRun: Codable, Sendable {
  /// The result for one kind of lock.
  public struct Part: Codable, Sendable {
    /// Which.
    public let lock: GuestLocktorture.Lock
    /// What locktorture says.
    public let verdict: GuestLocktorture.Verdict
    /// How many switches ended in each way: `done`, `refused`, `undone`, `stuck`.
    public let results: [String: Int]
    /// Why the last switch that was not done failed.
    public let error: String?

    /// Whether all that must hold did.
    public var holds: Bool {
      verdict.hasExcluded && verdict.end == "SUCCESS" && results.keys.allSatisfy { $0 == "done" }
    }
  }

  /// A complaint of the kernel, and the sets in force since the previous line.
  public struct Complaint: Codable, Sendable {
    /// The line.
    public let line: String
    /// Whether only native operations were in force, under which a lock stalls behind descheduled vCPUs.
    public let isNative: Bool
  }

  /// One for each kind of lock.
  public var parts: [Part] = []
  /// What the kernel complained of.
  public var complaints: [Complaint] = []
  /// Whether every byte of the kernel's text is as it was.
  public var textRestored = false

  /// Whether all that must hold did.
  public var holds: Bool {
    textRestored && complaints.allSatisfy(\.isNative) && parts.allSatisfy(\.holds)
  }

  /// All directions.
  private static let round = [
    "paravirtual", "test-and-set", "paravirtual", "native", "test-and-set", "native",
  ]

  /// Boots a guest and runs everything.
  ///
  /// - Parameters:
  ///   - locks: Which kinds.
  ///   - switches: How many for each.
  ///   - machine: What to boot; it gets the modules.
  ///   - progress: Called with what happens, a sentence without a full stop.
  /// - Returns: The results.
  /// - Throws: ``GuestError``, or `CancellationError`.
  public static func execute(
    _ locks: [GuestLocktorture.Lock], switches: Int, in machine: some BootableGuest,
    progress: @escaping @Sendable (String) -> Void = { _ in }
  ) async throws -> GuestLocktortureRun {
    var machine = machine
    progress("building the kernel modules for Linux \(machine.kernel.release)")
    machine.files = GuestSwitcher.files(try await GuestModules.build(for: machine.kernel))
      .merging(try GuestLocktorture.files(of: machine.kernel)) { $1 }
    var (run, log) = try await machine.run(progress: progress) { shell in
      let switcher = try await GuestSwitcher.load(in: shell)
      try await switcher.limitChanges(to: .seconds(60))
      var run = GuestLocktortureRun()
      for lock in locks {
        run.parts.append(
          try await part(lock, switches: switches, shell, switcher, &run.complaints, progress))
      }
      progress("removing the module")
      try await switcher.unload(limit: .seconds(240))
      return run
    }
    for trouble in log.troubles.dropFirst(run.complaints.count) {
      run.complaints.append(.init(line: trouble.1, isNative: false))
    }
    run.textRestored = log.lines.contains { $0.contains("removed;") && $0.contains(" 0 differ") }
    return run
  }

  private static func part(
    _ lock: GuestLocktorture.Lock, switches: Int, _ shell: GuestShell, _ switcher: GuestSwitcher,
    _ complaints: inout [Complaint], _ progress: @Sendable (String) -> Void
  ) async throws -> Part {
    var results: [String: Int] = [:]
    var error: String?
    let torture = try await GuestLocktorture.start(lock, in: shell)
    var set = try await switcher.set
    for number in 0..<switches {
      try Task.checkCancellation()
      progress("\(lock.rawValue): \(number) of \(switches) switches")
      let wanted = round[number % round.count]
      let report = try await switcher.tryToChange(to: wanted, limit: .seconds(300))
      results[report.result, default: 0] += 1
      error = report.error ?? error
      let troubles = await shell.log.troubles
      complaints += troubles.dropFirst(complaints.count).map {
        Complaint(line: $0.1, isNative: set == "native")
      }
      if report.result == "done" { set = wanted }
    }
    let verdict = try await torture.stop()
    return Part(lock: lock, verdict: verdict, results: results, error: error)
  }
}
