import Foundation
import GuestTestBed
import KernelImages
import Testing

extension GuestTests {
  /// A kprobe on a slow path's site that somebody sets, enables and clears without a pause, while
  /// others take the locks and the set goes back and forth.
  @Suite(.serialized) struct KprobeStorm {
    /// How long: `TIDELOCK_STORM_SECONDS`, or a short while.
    private static let seconds =
      ProcessInfo.processInfo.environment["TIDELOCK_STORM_SECONDS"].flatMap { Int($0) } ?? 10

    @Test("no violation, nothing stuck, and the probe gets its site once the module is gone")
    func isWeathered() async throws {
      let kernel = try GuestKernel()
      let image = try await KernelImage(path: kernel.image.path)
      let site = try #require(
        image.sites.first {
          $0.operation == .slowPath
            && image.functions.containing($0.address)?.name == "_raw_spin_lock"
        })
      let function = try #require(image.functions.containing(site.address))
      let tracing = "/sys/kernel/tracing"
      let probe = "'p:storm/site \(function.name)+\(site.address - function.address)'"
      let arm = "echo \(probe) > \(tracing)/kprobe_events"
      let events = "\(tracing)/events/storm/site/enable"

      var machine = GuestMachine(kernel: kernel, vcpus: 4)
      machine.lifetime = Self.seconds + 300
      machine.files = GuestSwitcher.files(try await GuestModules.build(for: kernel))
      let ((switches, statistics), log) = try await machine.run { shell in
        try await shell.mountTracing()
        let switcher = try await GuestSwitcher.load(in: shell)
        let torture = try await GuestTorture.load(in: shell)
        try await torture.start(.everything)
        let storm = try await BackgroundLoop(
          "\(arm); echo 1 > \(events); echo 0 > \(events); echo > \(tracing)/kprobe_events",
          as: "storm", in: shell)
        let end = ContinuousClock.now + .seconds(Self.seconds)
        var switches = 0
        repeat {
          for set in ["paravirtual", "test-and-set", "native"] {
            _ = try await shell.tryToRun("echo \(set) > /sys/kernel/tidelock/set")
            let report = try await switcher.lastSwitch
            // Nothing but done is right where no probe may come; refused would be sound.
            #expect(report.result == "done" || report.result == "refused", "\(report)")
            if report.result == "done" { switches += 1 }
          }
        } while ContinuousClock.now < end
        #expect(try await storm.stop() > 0)
        let statistics = try await torture.stop()
        try await torture.unload()
        try await switcher.change(to: "native")
        try await switcher.unload()
        try await shell.run("\(arm); echo 1 > \(events); echo 0 > \(events)")
        return (switches, statistics)
      }
      #expect(switches > 0)
      #expect(statistics.violations == 0)
      #expect(statistics.exclusion == true)
      #expect(log.troubles.isEmpty, "\(log.lines.suffix(60).joined(separator: "\n"))")
      #expect(log.lines.contains { $0.contains("removed;") && $0.contains(" 0 differ") })
      print("kprobe storm: \(Self.seconds) s, \(switches) switches done, 0 violations")
    }
  }
}
