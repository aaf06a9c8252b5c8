import Foundation
import GuestTestBed
import Testing

extension GuestTests {
  /// CPUs that come and go, one by one and nearly all at once, while the set does.
  @Suite(.serialized) struct Hotplug {
    private static let set = "/sys/kernel/tidelock/set"
    private static let sets = ["paravirtual", "test-and-set", "native"]

    @Test("every CPU goes and comes, and the machine sleeps and wakes, beside switches under load")
    func isFollowed() async throws {
      let kernel = try GuestKernel()
      var machine = GuestMachine(kernel: kernel, vcpus: 4)
      machine.files = GuestSwitcher.files(try await GuestModules.build(for: kernel))
      let (statistics, log) = try await machine.run { shell in
        let switcher = try await GuestSwitcher.load(in: shell)
        let torture = try await GuestTorture.load(in: shell)
        var load = GuestTorture.Load.everything
        // Timers move to other CPUs when theirs go, and with them whose sections they count.
        (load.nested, load.nmi) = (0, 0)
        try await torture.start(load)

        let hotplug = try await BackgroundLoop(
          "for cpu in /sys/devices/system/cpu/cpu[123]/online; do echo 0 > $cpu; echo 1 > $cpu; done",
          as: "hotplug", in: shell)
        for set in Self.sets + Self.sets + Self.sets {
          try await switcher.change(to: set, limit: .seconds(120))
        }
        #expect(try await hotplug.stop() > 0)
        #expect(try await shell.read("/sys/devices/system/cpu/online") == "0-3")

        // A loop of switches is frozen where it is, and goes on.
        let switches = try await BackgroundLoop(
          Self.sets.map { "echo \($0) > \(Self.set) || exit" }.joined(separator: "; "),
          as: "switches", in: shell)
        // All CPUs but the first go and come back; first alone, then with devices and clocks stopped.
        // What is left of a suspend is the firmware's, which emulation does not come back from.
        try await shell.run("echo 1 > /sys/module/suspend/parameters/pm_test_delay")
        for depth in ["processors", "core", "core"] {
          try await shell.run("echo \(depth) > /sys/power/pm_test")
          try await shell.run("echo mem > /sys/power/state", limit: .seconds(120))
        }
        #expect(try await switches.stop() > 0)
        #expect(try await shell.read("/sys/devices/system/cpu/online") == "0-3")

        let statistics = try await torture.stop()
        try await torture.unload()
        try await switcher.change(to: "native")
        try await switcher.unload()
        return statistics
      }
      #expect(statistics.violations == 0)
      #expect(statistics.exclusion == true)
      #expect(log.troubles.isEmpty, "\(log.lines.suffix(80).joined(separator: "\n"))")
      #expect(log.lines.contains { $0.contains("removed;") && $0.contains(" 0 differ") })
    }
  }
}
