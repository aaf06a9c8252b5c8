import Foundation
import GuestSiteTable
import GuestTestBed
import KernelImages
import LockPlatform
import Testing

extension GuestTests {
  /// What the module does not do, and what it says; what it does when others interfere.
  @Suite(.serialized) struct Refusals {
    private let set = "/sys/kernel/tidelock/set"

    @Test("a table of another kernel, a damaged one, a site that was altered")
    func doesNotLoad() async throws {
      let kernel = try GuestKernel()
      let image = try await KernelImage(path: kernel.image.path)
      let table = try image.siteTable()
      var otherBuild = image.identity.buildID
      otherBuild[0] ^= 1
      let other = try GuestSiteTable.encode(
        image.sites.map {
          .init(offset: $0.offset, operation: $0.operation, length: UInt8($0.bytes.count))
        }, buildID: otherBuild, release: image.identity.release, version: image.identity.version)
      let probe = try probeAtUnlock(image)
      // A table as good as the other, but for one site.
      func tableLacking(_ operation: LockOperation) throws -> [UInt8] {
        let dropped = try #require(image.sites.last { $0.operation == operation })
        return try GuestSiteTable.encode(
          image.sites.filter { $0 != dropped }.map {
            .init(offset: $0.offset, operation: $0.operation, length: UInt8($0.bytes.count))
          }, buildID: image.identity.buildID, release: image.identity.release,
          version: image.identity.version)
      }

      try await withFiles([
        "other": other, "short": Array(table.dropLast(8)),
        "unlocks": try tableLacking(.unlock), "slowpaths": try tableLacking(.slowPath),
      ]) { files in
        var machine = GuestMachine(kernel: kernel, vcpus: 2)
        machine.files = GuestSwitcher.files(try await GuestModules.build(for: kernel))
          .merging(files) { $1 }
        let (_, log) = try await machine.run { shell in
          func refusal(_ sites: String) async throws -> String {
            let (status, _) = try await shell.tryToRun("insmod /tidelock.ko sites=\(sites)")
            #expect(status != 0)
            return await shell.log.lines.last { $0.contains("not loaded") } ?? "nothing"
          }
          #expect(try await refusal("/other").contains("was made for another build"))
          #expect(try await refusal("/short").contains("cut off"))
          #expect(try await refusal("/nowhere").contains("tidelock guest sites"))
          let unlocks = try await refusal("/unlocks")
          #expect(unlocks.contains("/unlocks lacks the unlock site 0x"))
          let slowPaths = try await refusal("/slowpaths")
          #expect(slowPaths.contains("/slowpaths lacks the slow-path site 0x"))
          try await shell.mountTracing()
          // One that is disabled leaves no breakpoint, and is as bad once it is enabled.
          for command in [probe.set, probe.enable] {
            try await shell.run(command)
            let altered = try await refusal("/sites")
            #expect(altered.contains("unlock site") && altered.contains("covered by the kprobe"))
            #expect(altered.contains("_raw_spin_unlock"))
          }
          try await shell.run(probe.clear)
          let switcher = try await GuestSwitcher.load(in: shell)
          try await switcher.unload()
        }
        #expect(log.troubles.isEmpty)
      }
    }

    @Test("a kprobe, a second writer, too little time, a module with sites, a CPU that goes")
    func othersInterfere() async throws {
      let kernel = try GuestKernel()
      let probe = try probeAtUnlock(await KernelImage(path: kernel.image.path))
      let modules = try await GuestModules.build(for: kernel)
      var machine = GuestMachine(kernel: kernel, vcpus: 4)
      machine.files = GuestSwitcher.files(modules)
      machine.files["blocker.ko"] = modules.blocker
      machine.files["unlocker.ko"] = modules.unlocker
      let (_, log) = try await machine.run { shell in
        let switcher = try await GuestSwitcher.load(in: shell)

        // No kprobe comes onto a site while the module is here.
        try await shell.mountTracing()
        #expect(try await shell.tryToRun(probe.set).status != 0)
        try await switcher.change(to: "paravirtual")
        #expect(try await shell.tryToRun(probe.set).status != 0)

        // Nor is it removed while another set than that of the boot is in force.
        #expect(try await shell.tryToRun("rmmod tidelock").output.contains("unavailable"))
        #expect(try await switcher.set == "paravirtual")

        // A module that comes while the paravirtual set is in force works, and forbids switches.
        try await shell.run("insmod /blocker.ko")
        #expect(try await switcher.status["blocked_by"] == "tidelock_blocker")
        #expect(try await shell.tryToRun("echo native > \(set)").status != 0)
        let words = await shell.log.lines.last { $0.contains("no switch:") }
        #expect(words?.contains("tidelock_blocker") == true)
        try await shell.run("rmmod tidelock_blocker")
        try await switcher.change(to: "native")

        // So does one that only unlocks, and one that comes after a CPU went and came back.
        try await shell.run("insmod /unlocker.ko")
        #expect(try await switcher.status["blocked_by"] == "tidelock_unlocker")
        #expect(try await shell.tryToRun("echo paravirtual > \(set)").status != 0)
        try await shell.run("rmmod tidelock_unlocker")
        try await switcher.change(to: "paravirtual")
        let second = "/sys/devices/system/cpu/cpu1/online"
        try await shell.run("echo 0 > \(second); echo 1 > \(second)")
        try await shell.run("insmod /unlocker.ko")
        #expect(try await switcher.status["blocked_by"] == "tidelock_unlocker")
        try await shell.run("rmmod tidelock_unlocker")
        try await switcher.change(to: "native")

        let torture = try await GuestTorture.load(in: shell)
        try await torture.start(.everything)

        // Several writers at once: one switches, the others are told.
        let (_, writers) = try await shell.tryToRun(
          "for s in paravirtual test-and-set paravirtual native; do (echo $s > \(set)) & done; wait"
        )
        #expect(writers.contains("busy"))

        // A switch that does not finish is undone.
        try await switcher.change(to: "native")
        try await shell.write("1", to: "/sys/kernel/tidelock/time_limit")
        #expect(try await shell.tryToRun("echo paravirtual > \(set)").status != 0)
        let report = try await switcher.lastSwitch
        #expect(report.result == "undone")
        #expect(report.error?.contains("time") == true)
        #expect(try await switcher.set == "native")
        for (name, reason) in [
          ("stop-machine", "Timer expired"), ("barrier", "Resource temporarily unavailable"),
        ] {
          try await switcher.choose(.init(name))
          #expect(try await shell.tryToRun("echo paravirtual > \(set)").output.contains(reason))
          #expect(try await switcher.lastSwitch.result == "undone")
          #expect(try await switcher.set == "native")
        }
        let way = "/sys/kernel/tidelock/protocol"
        for file in [way, "/sys/kernel/tidelock/stop_mode", "/sys/kernel/tidelock/accounting"] {
          #expect(try await shell.tryToRun("echo faster > \(file)").status != 0)
        }
        #expect(try await shell.read(way) == "barrier")
        try await switcher.choose(.init("staged"))
        try await shell.write("60000", to: "/sys/kernel/tidelock/time_limit")
        try await switcher.change(to: "paravirtual")
        #expect(try await torture.stop().exclusion == true)

        // CPUs that come and go meanwhile.
        let cpu = "/sys/devices/system/cpu/cpu3/online"
        try await shell.run(
          "(for i in 1 2 3 4 5; do echo 0 > \(cpu); echo 1 > \(cpu); done; echo > /tmp/done) & true"
        )
        var switches = 0
        repeat {
          try await switcher.choose(.init(["staged", "stop-machine", "barrier"][switches % 3]))
          try await switcher.change(to: switches % 2 == 0 ? "native" : "paravirtual")
          switches += 1
        } while try await shell.tryToRun("test -e /tmp/done").status != 0
        #expect(switches > 1)

        // Not in the middle of a switch either; once the boot set is in force, a probe may come again.
        try await switcher.change(to: "paravirtual")
        _ = try await shell.tryToRun("(echo test-and-set > \(set)) & rmmod tidelock; wait")
        #expect(try await shell.tryToRun("test -e \(set)").status == 0)
        try await switcher.unload()
        #expect(try await shell.tryToRun("test -e \(set)").status != 0)
        try await shell.run(probe.set)
        try await shell.run(probe.clear)
      }
      #expect(log.troubles.isEmpty, "\(log.lines.suffix(120).joined(separator: "\n"))")
      #expect(log.lines.contains { $0.contains("removed;") && $0.contains(" 0 differ") })
    }

    /// Commands that set a kprobe, disabled, on the first unlock site of `_raw_spin_unlock`, enable it and
    /// clear it.
    private func probeAtUnlock(
      _ image: KernelImage
    ) throws -> (set: String, enable: String, clear: String) {
      let site = try #require(
        image.sites.first {
          $0.operation == .unlock
            && image.functions.containing($0.address)?.name == "_raw_spin_unlock"
        })
      let function = try #require(image.functions.containing(site.address))
      let events = "/sys/kernel/tracing/kprobe_events"
      let enable = "/sys/kernel/tracing/events/kprobes/site/enable"
      return (
        "echo 'p:site \(function.name)+\(site.address - function.address)' > \(events)",
        "echo 1 > \(enable)",
        "echo 0 > \(enable); echo > \(events)"
      )
    }

    private func withFiles(
      _ contents: [String: [UInt8]], _ body: ([String: URL]) async throws -> Void
    ) async throws {
      let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      defer { try? FileManager.default.removeItem(at: folder) }
      for (name, bytes) in contents {
        try Data(bytes).write(to: folder.appending(path: name))
      }
      try await body(contents.keys.reduce(into: [:]) { $0[$1] = folder.appending(path: $1) })
    }
  }
}
