import Foundation
import GuestTestBed
import Testing

private let isSetUp = (try? GuestKernel()) != nil

/// Every protocol in a booted guest, under load from every context.
@Suite(.serialized, .enabled(if: isSetUp, "run Scripts/guest-setup to have guests booted"))
struct GuestProtocolTests {
  /// All directions.
  private static let round = [
    "paravirtual", "test-and-set", "paravirtual", "native", "test-and-set", "native",
  ]

  /// What a run came to.
  private struct Run: Sendable {
    var reports: [GuestSwitchReport] = []
    var statistics: GuestTorture.Statistics?
    var log: [String] = []

    func met(
      _ kind: KeyPath<GuestSwitchReport.Breakpoints, [String: Int]>, in context: String
    ) -> Int {
      reports.reduce(0) { $0 + ($1.met[keyPath: kind][context] ?? 0) }
    }
  }

  /// Switches in all directions, for `rounds` or until a condition holds, while the monitor injects
  /// NMIs; then removes the module under load.
  private func run(
    _ method: GuestSwitcher.Method, vcpus: Int = 3, load: GuestTorture.Load = .everything,
    limit: Duration = .seconds(30), rounds: Int,
    until isEnough: @Sendable (Run) -> Bool = { _ in true }
  ) async throws -> (Run, KernelLog) {
    let kernel = try GuestKernel()
    var machine = GuestMachine(kernel: kernel, vcpus: vcpus)
    machine.files = GuestSwitcher.files(try await GuestModules.build(for: kernel))
    return try await machine.run { shell in
      let switcher = try await GuestSwitcher.load(in: shell)
      try await switcher.limitChanges(to: limit)
      try await switcher.choose(method)
      let torture = try await GuestTorture.load(in: shell)
      try await torture.start(load)
      let storm = Task {
        // Paced by the monitor and the machine; what is asserted is what CPUs counted.
        while !Task.isCancelled {
          try await shell.injectNMI()
          try await Task.sleep(for: .milliseconds(2))
        }
      }
      var run = Run()
      repeat {
        for set in Self.round {
          let report = try await switcher.tryToChange(to: set, limit: .seconds(120))
          #expect(report.protocol == method.protocol)
          run.reports.append(report)
        }
      } while run.reports.count < rounds * Self.round.count && !isEnough(run)
      storm.cancel()
      _ = await storm.result
      try await switcher.unload(limit: .seconds(120))
      run.statistics = try await torture.stop()
      try await torture.unload()
      return run
    }
  }

  /// What must hold whatever the protocol: locks exclude, and nothing is left behind.
  private func expectSound(_ run: Run, _ log: KernelLog) {
    #expect(run.statistics?.exclusion == true)
    #expect(log.troubles.isEmpty)
    #expect(log.lines.contains { $0.contains("removed;") && $0.contains(" 0 differ") })
  }

  @Test("stop-machine: NMIs at sites in transit join the lock-step")
  func stopMachine() async throws {
    var load = GuestTorture.Load.everything
    // Those that share one would wait for each other: see the mode inside an NMI.
    load.nmisShare = false
    let (run, log) = try await run(
      GuestSwitcher.Method("stop-machine"), load: load, rounds: 8,
      until: { $0.met(\.joined, in: "nmi") > 0 })
    expectSound(run, log)
    #expect(run.reports.allSatisfy { $0.result == "done" })
    #expect(run.met(\.joined, in: "nmi") > 0)
  }

  @Test("stop-machine inside an NMI: NMIs that share a lock meet nothing in transit")
  func stopMachineInNMI() async throws {
    let (run, log) = try await run(.stopMachineInNMI, vcpus: 4, rounds: 4)
    expectSound(run, log)
    #expect(run.reports.allSatisfy { $0.result == "done" })
    #expect(run.reports.allSatisfy { $0.breakpoints == 0 })
  }

  @Test("gaps are measured on the CPUs: those of a stop are seen, and so are breakpoints")
  func trial() async throws {
    let machine = GuestMachine(kernel: try GuestKernel(), vcpus: 2)
    let comparison = try await GuestComparison.measure(
      switches: 4, in: machine, timeLimit: .seconds(60))
    #expect(comparison.exclusion)
    #expect(comparison.textRestored)
    let trials = comparison.trials
    #expect(trials.map(\.method) == GuestComparison.methods)
    for trial in trials {
      #expect(trial.done.count == 4 && trial.undone == 0)
      #expect(trial.vcpus == 2)
      #expect(trial.switching.count == 4 && trial.resting.count == 4)
      #expect((trial.switching + trial.resting).allSatisfy { $0.gaps.count > 0 })
      #expect(trial.rateResting > 0)
    }
    // No task of a CPU that is held goes on meanwhile; the two clocks are the same counter.
    for window in trials[1].switching {
      #expect(Double(window.longestGap) >= 0.9 * (window.report?.longestStall ?? .infinity))
    }
    #expect(trials[2].breakpoints > 0 && trials[3].breakpoints > 0)
  }

  // NMIs that share a lock, one of them at a site in transit, wait for each other until the time is
  // over: the published protocol has this, outside its mode inside an NMI.
  @Test(
    "a switch whose time is over is undone",
    arguments: [
      (GuestSwitcher.Method("stop-machine"), 40), (.stopMachineInNMI, 40),
      (GuestSwitcher.Method("barrier"), 8),
    ])
  func isUndone(_ method: GuestSwitcher.Method, milliseconds: Int) async throws {
    let (run, log) = try await run(
      method, limit: .milliseconds(milliseconds), rounds: 8,
      until: { $0.reports.contains { $0.result == "undone" } })
    expectSound(run, log)
    #expect(run.reports.allSatisfy { ["done", "undone", "unchanged"].contains($0.result) })
    let undone = run.reports.filter { $0.result == "undone" }
    #expect(!undone.isEmpty)
    let reason = method.protocol == "barrier" ? "still counted" : "did not follow in time"
    #expect(undone.allSatisfy { $0.error?.contains(reason) == true })
  }

  @Test(
    "barrier: every level of nesting is met, and counted down",
    arguments: [GuestSwitcher.Method("barrier"), .barrierOfSlowPaths])
  func barrier(_ method: GuestSwitcher.Method) async throws {
    let contexts = ["task", "softirq", "hardirq", "nmi"]
    let (run, log) = try await run(
      method, vcpus: 4, rounds: 4,
      until: { run in contexts.allSatisfy { run.met(\.released, in: $0) > 0 } })
    expectSound(run, log)
    #expect(run.reports.allSatisfy { $0.result == "done" })
    for context in contexts { #expect(run.met(\.released, in: context) > 0) }
  }
}
