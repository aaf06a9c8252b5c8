import Foundation
import GuestTestBed
import Testing

private let isSetUp =
  (try? GuestKernel()).map { (try? KVMHost(kernel: $0)) != nil } ?? false

/// Guests on a real KVM, of a stock host inside emulation, one host after the other.
@Suite(
  .serialized, .enabled(if: isSetUp, "run Scripts/guest-setup --kvm to have KVM guests booted"))
struct KVMGuestTests {
  static func host(withModules: Bool = true) async throws -> KVMHost {
    let kernel = try GuestKernel()
    var host = try KVMHost(kernel: kernel)
    if withModules {
      host.files = GuestSwitcher.files(try await GuestModules.build(for: kernel))
    }
    return host
  }

  static func features(
    dedicated: Bool = false, wakesHalted: Bool = true, stealTime: Bool = true
  ) -> KVMFeatures {
    var features = KVMFeatures()
    features.isDedicated = dedicated
    features.wakesHalted = wakesHalted
    features.hasStealTime = stealTime
    return features
  }

  // MARK: What a kernel makes of what KVM offers

  @Test("native, paravirtual, test-and-set, one vCPU: the kernel decides by what KVM offers")
  func boots() async throws {
    // Nothing of ours is in these guests: one that emulation loses is booted again, as any boot is.
    for attempt in 1...3 {
      do {
        return try await bootsOnce()
      } catch GuestError.died where attempt < 3 {
        continue
      }
    }
  }

  private func bootsOnce() async throws {
    let cases: [(KVMGuest, String)] = [
      (KVMGuest(vcpus: 3, features: Self.features(dedicated: true)), "KVM_HINTS_REALTIME"),
      (KVMGuest(vcpus: 3), "PV spinlocks enabled"),
      (KVMGuest(vcpus: 3, features: Self.features(wakesHalted: false)), "no host support"),
      (KVMGuest(vcpus: 1), "single CPU"),
    ]
    let (_, hostLog) = try await Self.host(withModules: false).run { host in
      for (guest, words) in cases {
        let running = try await host.boot(guest)
        #expect(try await running.shell.run("nproc") == "\(guest.vcpus)")
        let said = try await running.shell.run("dmesg")
        #expect(said.contains("Hypervisor detected: KVM"))
        let spinlocks = said.split(separator: "\n").filter { $0.contains("PV spinlocks") }
        #expect(spinlocks.contains { $0.contains(words) }, "\(words): \(spinlocks)")
        #expect(await running.shell.log.troubles.isEmpty)
        try await host.end(running)
      }
    }
    #expect(hostLog.troubles.isEmpty)
  }

  @Test("an NMI of the monitor's reaches the guest's kernel")
  func injectsNMIs() async throws {
    let (_, hostLog) = try await Self.host(withModules: false).run { host in
      let guest = try await host.boot(KVMGuest(vcpus: 2))
      let before = try await host.statistics["nmi_injections"] ?? 0
      try await guest.shell.injectNMI()
      try await guest.shell.run("until dmesg | grep -q 'unknown reason'; do :; done")
      let kinds = await guest.shell.log.troubles.map(\.0)
      #expect(!kinds.isEmpty && kinds.allSatisfy { $0 == .unknownNMI })
      #expect(try await host.statistics["nmi_injections"] ?? 0 > before)
    }
    #expect(hostLog.troubles.isEmpty)
  }

  // MARK: The module

  /// Into each set and back under load; removed without a trace.
  private func switches(_ guest: KVMGuest, from booted: String) async throws {
    let rounds = ["native", "paravirtual", "test-and-set"].filter { $0 != booted }
      .flatMap { [$0, booted] }
    _ = try await Self.host().run { host in
      let running = try await host.boot(guest)
      let shell = running.shell
      let switcher = try await GuestSwitcher.load(in: shell)
      try await switcher.limitChanges(to: .seconds(60))
      #expect(try await switcher.set == booted)
      let torture = try await GuestTorture.load(in: shell)
      try await torture.start(.init())
      for set in rounds {
        let report = try await switcher.change(to: set, limit: .seconds(240))
        #expect(report.result == "done" && report.to == set)
      }
      try await switcher.unload(limit: .seconds(240))
      #expect(try await torture.stop().exclusion == true)
      try await torture.unload()
      let log = await shell.log
      #expect(log.troubles.isEmpty)
      #expect(log.lines.contains { $0.contains("removed;") && $0.contains(" 0 differ") })
    }
  }

  @Test(
    "loads and switches however the guest was booted",
    arguments: [
      // With steal time, as KVM offers it by default: it has the kernel ask it whether a vCPU is
      // preempted, whatever the spinlocks are.
      (KVMGuest(vcpus: 3, features: features(dedicated: true)), "native"),
      (KVMGuest(vcpus: 3), "paravirtual"),
      (KVMGuest(vcpus: 3, features: features(wakesHalted: false)), "test-and-set"),
      (KVMGuest(vcpus: 1), "native"),
      (KVMGuest(vcpus: 2, features: features(dedicated: true, stealTime: false)), "native"),
    ])
  func switchesHoweverBooted(_ guest: KVMGuest, booted: String) async throws {
    try await switches(guest, from: booted)
  }

  @Test("KVM counts the kicks of paravirtual waiters, and none under native operations")
  func countsKicks() async throws {
    _ = try await Self.host().run { host in
      var guest = KVMGuest(vcpus: 4)
      // Leaves kicks as the only hypercalls.
      guest.features.withheld = ["kvm-pv-ipi", "kvm-pv-sched-yield"]
      let shell = try await host.boot(guest).shell
      let switcher = try await GuestSwitcher.load(in: shell)
      try await switcher.limitChanges(to: .seconds(60))
      let torture = try await GuestTorture.load(in: shell)

      /// While the load has taken the lock so many times more, and up to a number if one is given.
      func hypercalls(acquisitions: Int, upTo wanted: Int = 0) async throws -> Int {
        try await torture.start(.init())
        let before = try #require(await host.statistics["hypercalls"])
        let deadline = ContinuousClock.now + .seconds(120)
        while true {
          let counted = try #require(await host.statistics["hypercalls"]) - before
          let isEnough = try await torture.statistics.acquisitions >= acquisitions
          if isEnough && counted >= wanted || ContinuousClock.now > deadline {
            try await torture.stop()
            return counted
          }
        }
      }
      #expect(try await switcher.set == "paravirtual")
      #expect(try await hypercalls(acquisitions: 1000, upTo: 100) >= 100)
      try await switcher.change(to: "native", limit: .seconds(240))
      #expect(try await hypercalls(acquisitions: 50) == 0)
    }
  }

  // MARK: Migration

  @Test("a guest that moves to another QEMU lives on, and the module follows the hint")
  func migrates() async throws {
    let dedicated = Self.features(dedicated: true)
    let plain = Self.features()
    let (_, hostLog) = try await Self.host().run { host in
      var guest = try await host.boot(KVMGuest(vcpus: 3, features: dedicated))
      let switcher = try await GuestSwitcher.load(in: guest.shell)
      try await guest.shell.write("500", to: "/sys/kernel/tidelock/hint_period")
      let torture = try await GuestTorture.load(in: guest.shell)
      try await torture.start(.init())
      #expect(try await switcher.set == "native")
      let boot = try await guest.shell.read("/proc/sys/kernel/random/boot_id")

      for (way, features, set) in [
        (RunningKVMHost.Migration.socket, plain, "paravirtual"), (.file, dedicated, "native"),
      ] {
        let before = try await uptime(guest.shell)
        guest = try await host.migrate(guest, to: features, by: way)
        #expect(try await guest.shell.read("/proc/sys/kernel/random/boot_id") == boot)
        #expect(try await uptime(guest.shell) > before)
        let folder = "/sys/kernel/tidelock"
        try await guest.shell.run(
          "until [ $(cat \(folder)/set) = \(set) ]; do sleep 1; done", limit: .seconds(120))
        #expect(try await guest.shell.read("\(folder)/last_switch").contains("\"reason\":\"hint\""))
      }
      // Back in the set that it booted with, so it can be removed.
      try await guest.shell.run("rmmod tidelock", limit: .seconds(240))
      try await guest.shell.write("0", to: "/sys/kernel/tidelock_torture/run", limit: .seconds(90))
      let statistics = try await guest.shell.read("/sys/kernel/tidelock_torture/stats")
      #expect(statistics.contains("\"exclusion\":true"))
      let log = await guest.shell.log
      #expect(log.troubles.isEmpty)
      #expect(log.lines.contains { $0.contains("removed;") && $0.contains(" 0 differ") })
    }
    #expect(hostLog.troubles.isEmpty)
  }

  private func uptime(_ shell: GuestShell) async throws -> Double {
    let text = try await shell.read("/proc/uptime")
    return try #require(text.split(separator: " ").first.flatMap { Double($0) })
  }

  // MARK: What goes wrong

  @Test("a guest that ends, one that does not come up, a QEMU that refuses: the host lives on")
  func survivesItsGuests() async throws {
    var host = try await Self.host(withModules: false)
    host.bootAttempts = 2
    let hosts = host
    _ = try await hosts.run { host in
      let guest = try await host.boot(KVMGuest(vcpus: 1))
      await #expect {
        try await guest.shell.run("poweroff -f; sleep 60")
      } throws: { error in
        if case GuestError.died(command: "poweroff -f; sleep 60", _) = error { true } else { false }
      }
      await #expect {
        // Without a first process the kernel gives up.
        var guest = KVMGuest(vcpus: 1)
        guest.kernelArguments = ["rdinit=/nowhere"]
        _ = try await host.boot(guest)
      } throws: { error in
        guard case GuestError.bootFailed(attempts: 2, let log) = error else { return false }
        return log.contains { $0.contains("Kernel panic") }
      }
      await #expect {
        var guest = KVMGuest(vcpus: 1)
        guest.features.withheld = ["no-such-feature"]
        _ = try await host.boot(guest)
      } throws: { error in
        "\(error)".contains("no-such-feature")
      }
      #expect(try await host.shell.run("pidof qemu-system-x86_64 || echo none") == "none")
      #expect(try await host.boot(KVMGuest(vcpus: 1)).shell.run("echo here") == "here")
    }
  }

  @Test("what measures an emulated guest measures one on KVM")
  func trial() async throws {
    let kernel = try GuestKernel()
    let guest = try GuestOnKVM(
      kernel: kernel,
      guest: KVMGuest(vcpus: 2, features: Self.features(dedicated: true)))
    let comparison = try await GuestComparison.measure(
      [.init("staged")], switches: 2, in: guest, timeLimit: .seconds(60))
    #expect(comparison.exclusion && comparison.textRestored)
    let trial = try #require(comparison.trials.first)
    #expect(trial.done.count == 2 && trial.vcpus == 2)
    #expect(trial.switching.allSatisfy { $0.gaps.count > 0 })
  }
}
