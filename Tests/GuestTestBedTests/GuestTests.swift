import Foundation
import GuestTestBed
import Testing

/// Whether `Scripts/guest-setup` has been run: without it there is nothing to boot.
private let isSetUp = (try? GuestKernel()) != nil

/// Boots of the stock kernel, one after the other.
@Suite(.serialized, .enabled(if: isSetUp, "run Scripts/guest-setup to have guests booted"))
struct GuestTests {
  private func machine(vcpus: Int, kernel: String = "6.1") async throws -> GuestMachine {
    let kernel = try GuestKernel(kernel)
    var machine = GuestMachine(kernel: kernel, vcpus: vcpus)
    machine.lifetime = 1000
    machine.files = GuestSwitcher.files(try await GuestModules.build(for: kernel))
    return machine
  }

  @Test("every direction under load from every context, removed without a trace")
  func switchesUnderLoad() async throws {
    let (statistics, log) = try await machine(vcpus: 4).run { shell in
      let switcher = try await GuestSwitcher.load(in: shell)
      // The machine that runs the tests may be busy.
      try await shell.write("60000", to: "/sys/kernel/tidelock/time_limit")
      let torture = try await GuestTorture.load(in: shell)
      try await torture.start(.everything)
      // Six switches each: 204.
      for _ in 0..<34 {
        for set in [
          "paravirtual", "test-and-set", "paravirtual", "native", "test-and-set", "native",
        ] {
          let report = try await switcher.change(to: set, limit: .seconds(120))
          #expect(report.result == "done")
          #expect(report.to == set)
          #expect(try await switcher.set == set)
          try await shell.injectNMI()
        }
      }
      // Removed under load, by way of another set than that of the boot.
      try await switcher.change(to: "paravirtual", limit: .seconds(120))
      try await switcher.unload(limit: .seconds(120))
      let statistics = try await torture.stop()
      try await torture.unload()
      return statistics
    }
    #expect(statistics.exclusion == true)
    for context in ["task", "softirq", "hardirq", "nmi"] {
      #expect((statistics.contexts[context]?.acquisitions ?? 0) > 0, "\(context) took no lock")
    }
    #expect(log.troubles.isEmpty)
    #expect(log.lines.contains { $0.contains("removed;") && $0.contains(" 0 differ") })
  }

  @Test("hackbench and fs_mark run under each set, and the kernel is left as it was")
  func programsRun() async throws {
    let programs = [
      GuestWorkload.hackbench(groups: 1, pairs: 4, loops: 5), .files(processes: 2, files: 20),
    ]
    var machine = try await machine(vcpus: 2)
    for program in programs {
      machine.files.merge(try program.files(of: machine.kernel)) { $1 }
    }
    let (_, log) = try await machine.run { shell in
      let switcher = try await GuestSwitcher.load(in: shell)
      for set in ["native", "paravirtual", "test-and-set", "native"] {
        try await switcher.change(to: set)
        for program in programs { #expect(try await program.run(in: shell) > 0) }
      }
      try await switcher.unload()
    }
    #expect(log.troubles.isEmpty)
    #expect(log.lines.contains { $0.contains("removed;") && $0.contains(" 0 differ") })
  }

  private static let hasRealTime = (try? GuestKernel("6.1-rt")) != nil

  @Test(
    "the real-time flavour, which inlines the plain unlock, is switched under load",
    .enabled(if: hasRealTime, "run Scripts/guest-setup --kernel 6.1-rt to have it booted"))
  func switchesRealTime() async throws {
    let (statistics, log) = try await machine(vcpus: 2, kernel: "6.1-rt").run { shell in
      let switcher = try await GuestSwitcher.load(in: shell)
      try await switcher.limitChanges(to: .seconds(60))
      let torture = try await GuestTorture.load(in: shell)
      #expect(try await switcher.status["blocked_by"] == "nothing")
      try await torture.start(.init())
      for set in ["paravirtual", "test-and-set", "native"] {
        #expect(try await switcher.change(to: set, limit: .seconds(240)).result == "done")
      }
      try await switcher.unload(limit: .seconds(120))
      let statistics = try await torture.stop()
      try await torture.unload()
      return statistics
    }
    #expect(statistics.exclusion == true && statistics.acquisitions > 0)
    #expect(log.troubles.isEmpty)
    #expect(log.lines.contains { $0.contains("removed;") && $0.contains(" 0 differ") })
  }

  @Test("a lock that is left out is found")
  func brokenLockIsFound() async throws {
    let (statistics, _) = try await machine(vcpus: 2).run { shell in
      let torture = try await GuestTorture.load(in: shell)
      var load = GuestTorture.Load()
      load.broken = true
      try await torture.start(load)
      try await shell.run("sleep 1")
      return try await torture.stop()
    }
    #expect(statistics.exclusion == false)
    #expect(statistics.violations > 0)
  }
}
