import Foundation

/// What switching by one protocol costs a guest under load: switches back and forth, each with the
/// gaps that the vCPUs saw in their own progress, beside as many windows without a switch.
public struct GuestTrial: Codable, Sendable {
  /// What happened between two looks at the load.
  public struct Window: Codable, Sendable {
    /// The kernel's report of the switch; nil in a window without one.
    public let report: GuestSwitchReport?
    /// How long it was, by the guest's clock.
    public let microseconds: Int
    /// Sections in it, in all contexts.
    public let acquisitions: Int
    /// The longest time that each vCPU's task went without a round.
    public let longestGaps: [Int]
    /// All gaps of all vCPUs.
    public let gaps: GapHistogram

    /// The longest time that any vCPU was stalled, in microseconds, as it saw it.
    public var longestGap: Int { longestGaps.max() ?? 0 }
  }

  /// The protocol and its options.
  public let method: GuestSwitcher.Method
  /// How many vCPUs the guest had.
  public let vcpus: Int
  /// Each with a switch.
  public private(set) var switching: [Window]
  /// The same load and, alternating, the same sets, for as long each, without a switch.
  public private(set) var resting: [Window]

  /// The switches that were done.
  public var done: [GuestSwitchReport] { reports.filter { $0.result == "done" } }

  /// Those that were undone.
  public var undone: Int { reports.count { $0.result == "undone" } }

  /// Breakpoints hit in all switches.
  public var breakpoints: Int { reports.reduce(0) { $0 + $1.breakpoints } }

  private var reports: [GuestSwitchReport] { switching.compactMap(\.report) }

  /// What each switch that was done took, in microseconds.
  public var times: [Double] { done.map(\.microseconds) }

  /// The longest gap of each vCPU in each window with a switch, in microseconds.
  public var gapsSwitching: [Double] { switching.flatMap(\.longestGaps).map(Double.init) }

  /// The same in windows without a switch.
  public var gapsResting: [Double] { resting.flatMap(\.longestGaps).map(Double.init) }

  /// Sections in a second, in windows with a switch.
  public var rateSwitching: Double { rate(switching) }

  /// Sections in a second, in windows without.
  public var rateResting: Double { rate(resting) }

  /// Adds the measurements of a later trial of the same method.
  mutating func append(_ later: GuestTrial) {
    switching += later.switching
    resting += later.resting
  }

  private func rate(_ windows: [Window]) -> Double {
    let time = windows.reduce(0) { $0 + $1.microseconds }
    return Double(windows.reduce(0) { $0 + $1.acquisitions }) * 1e6 / Double(max(1, time))
  }
}

extension GuestTrial {
  /// Measures.
  ///
  /// - Parameters:
  ///   - method: How to switch.
  ///   - switches: How many; the guest ends in the set that it was in if they are even.
  ///   - sets: Between which two; one of them must be in force.
  ///   - shell: In the guest, whose torture runs.
  ///   - switcher: The module in it.
  ///   - limit: How long the test bed waits for one switch.
  /// - Returns: All windows, and the reports.
  /// - Throws: ``GuestError``, or `CancellationError`.
  public static func measure(
    _ method: GuestSwitcher.Method, switches: Int,
    between sets: (String, String) = ("native", "paravirtual"),
    in shell: GuestShell, _ switcher: GuestSwitcher, limit: Duration = .seconds(240)
  ) async throws -> GuestTrial {
    try await switcher.choose(method)
    var switching: [Window] = []
    // Without a switch the guest stays in each of the sets for half of the windows.
    var resting: [Window] = []
    var set = try await switcher.set
    for _ in 0..<switches {
      try Task.checkCancellation()
      let wanted = set == sets.0 ? sets.1 : sets.0
      let window = try await window(shell, "echo \(wanted) > \(GuestSwitcher.folder)/set", limit)
      let report = try await switcher.lastSwitch
      if report.result == "done" { set = wanted }
      switching.append(window.of(report))
      // As long as this switch took, so that a gap is as likely to show; in the set that the switch led
      // to.
      let seconds = Double(window.microseconds) / 1e6
      resting.append(try await Self.window(shell, "sleep \(seconds)", limit))
    }
    let vcpus = switching.first?.longestGaps.count ?? 0
    return GuestTrial(method: method, vcpus: vcpus, switching: switching, resting: resting)
  }

  /// The load while a command runs in the guest; the command may fail.
  private static func window(
    _ shell: GuestShell, _ command: String, _ limit: Duration
  ) async throws(GuestError) -> Window {
    let folder = GuestTorture.folder
    // One line, so that no exchange between host and guest falls within the window.
    let line =
      "cat \(folder)/stats; echo 0 > \(folder)/gaps; \(command) 2>/dev/null; cat \(folder)/gaps"
      + " \(folder)/stats"
    let output = try await shell.run(line, limit: limit)
    let parts = output.split(separator: "\n")
    guard parts.count == 3,
      let before = decoded(GuestTorture.Statistics.self, parts[0]),
      let gaps = decoded(Gaps.self, parts[1]),
      let after = decoded(GuestTorture.Statistics.self, parts[2])
    else { throw .unexpectedOutput(command: line, output: output) }
    return Window(
      report: nil, microseconds: after.microseconds - before.microseconds,
      acquisitions: after.acquisitions - before.acquisitions, longestGaps: gaps.longest,
      gaps: gaps.buckets)
  }

  private static func decoded<Value: Decodable>(_: Value.Type, _ text: Substring) -> Value? {
    try? JSONDecoder().decode(Value.self, from: Data(text.utf8))
  }

  private struct Gaps: Decodable {
    let longest: [Int]
    let buckets: GapHistogram

    enum CodingKeys: String, CodingKey {
      case longest = "longest_microseconds"
      case buckets
    }
  }
}

extension GuestTrial.Window {
  fileprivate func of(_ report: GuestSwitchReport) -> Self {
    Self(
      report: report, microseconds: microseconds, acquisitions: acquisitions,
      longestGaps: longestGaps, gaps: gaps)
  }
}

/// The protocols side by side in one guest.
public struct GuestComparison: Codable, Sendable {
  /// One for each method, in the order asked for.
  public let trials: [GuestTrial]
  /// Whether no section met another, and all counts add up.
  public let exclusion: Bool
  /// Whether the module reports at its removal that the text is as before.
  public let textRestored: Bool

  /// Everything that `tidelock compare` compares.
  public static var methods: [GuestSwitcher.Method] {
    [.init("staged"), .init("stop-machine"), .init("barrier"), .barrierOfSlowPaths]
  }

  /// Boots a guest and switches it there and back by each method in turn, again and again, under the
  /// same load.
  ///
  /// - Parameters:
  ///   - methods: How to switch.
  ///   - switches: How many for each; an odd number is made even.
  ///   - machine: What to boot; it gets the modules.
  ///   - load: On the locks, the same for all.
  ///   - timeLimit: After how long the kernel undoes a switch.
  ///   - progress: Called with what happens, a sentence without a full stop.
  /// - Returns: What was measured.
  /// - Throws: ``GuestError``, or `CancellationError`.
  public static func measure(
    _ methods: [GuestSwitcher.Method] = methods, switches: Int, in machine: some BootableGuest,
    load: GuestTorture.Load = .init(), timeLimit: Duration = .seconds(10),
    progress: @escaping @Sendable (String) -> Void = { _ in }
  ) async throws -> GuestComparison {
    var machine = machine
    progress("building the kernel modules for Linux \(machine.kernel.release)")
    machine.files = GuestSwitcher.files(try await GuestModules.build(for: machine.kernel))
    let even = switches + switches % 2
    let (found, log) = try await machine.run(progress: progress) { shell in
      let switcher = try await GuestSwitcher.load(in: shell)
      try await switcher.limitChanges(to: timeLimit)
      let torture = try await GuestTorture.load(in: shell)
      try await torture.start(load)
      var trials: [GuestTrial] = []
      for done in stride(from: 0, to: even, by: 2) {
        for (index, method) in methods.enumerated() {
          progress("\(method.protocol): \(done) of \(even) switches")
          // Undoing a switch takes time as well.
          let trial = try await GuestTrial.measure(
            method, switches: 2, in: shell, switcher, limit: timeLimit * 4 + .seconds(60))
          if done == 0 { trials.append(trial) } else { trials[index].append(trial) }
        }
      }
      progress("removing the modules")
      try await switcher.unload(limit: .seconds(240))
      let statistics = try await torture.stop()
      try await torture.unload()
      return (trials, statistics.exclusion ?? false)
    }
    return GuestComparison(
      trials: found.0, exclusion: found.1,
      textRestored: log.lines.contains { $0.contains("removed;") && $0.contains(" 0 differ") })
  }
}
