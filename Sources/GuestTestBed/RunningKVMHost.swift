import Foundation
import Subprocess

/// A KVM host that is up.
public actor RunningKVMHost {
  /// Its own shell.
  public let shell: GuestShell

  private let host: KVMHost
  private let booted: EmulatedBoot.Booted
  private let channels: LineChannels
  private var guests = 0

  init(_ host: KVMHost, _ booted: EmulatedBoot.Booted, _ channels: LineChannels) {
    self.host = host
    self.booted = booted
    self.channels = channels
    shell = GuestShell(
      lines: booted.lines,
      link: HostLink(input: booted.input, monitor: booted.monitor),
      logFile: booted.log)
  }

  /// Boots a guest, with as many attempts as that takes: emulation hangs now and then.
  ///
  /// - Parameters:
  ///   - guest: Its configuration.
  ///   - progress: Called with what happens, a sentence without a full stop.
  /// - Returns: The guest, with a shell that answers.
  /// - Throws: ``GuestError``.
  public func boot(
    _ guest: KVMGuest, progress: @Sendable (String) -> Void = { _ in }
  ) async throws -> RunningKVMGuest {
    var lastWords: [String] = []
    for attempt in 1...max(1, host.bootAttempts) {
      try Task.checkCancellation()
      progress(
        attempt == 1
          ? "booting Linux \(host.kernel.release) with \(guest.vcpus) vCPUs on its KVM"
          : "booting the guest again: the emulator hung before anything was loaded")
      let running = try await start(guest)
      if try await running.lines.hasReady(within: host.guestBootLimit) { return running }
      lastWords = await running.shell.log.tail + running.errors.all
      try await end(running)
    }
    throw GuestError.bootFailed(attempts: max(1, host.bootAttempts), log: lastWords)
  }

  /// Moves a running guest to another QEMU of this host, which may offer other features.
  ///
  /// - Parameters:
  ///   - guest: Must not be used afterwards; what is returned is the same guest.
  ///   - features: What it finds there.
  ///   - way: How its state gets there.
  ///   - limit: How long it may take.
  /// - Returns: The guest, where it is now.
  /// - Throws: ``GuestError``.
  public func migrate(
    _ guest: RunningKVMGuest, to features: KVMFeatures, by way: Migration = .socket,
    limit: Duration = .seconds(180)
  ) async throws -> RunningKVMGuest {
    var moved = guest.guest
    moved.features = features
    let path = "/tmp/migration-\(guests + 1)"
    let old = guest.monitor
    try await old.execute(
      "migrate-set-capabilities",
      ["capabilities": .list([["capability": .word("events"), "state": .flag(true)]])])
    try await old.execute(
      "migrate-set-parameters",
      ["max-bandwidth": .number(1 << 31), "downtime-limit": .number(5000)])
    let target: RunningKVMGuest
    switch way {
    case .socket:
      target = try await start(moved, log: guest.console.url, incoming: "unix:\(path)")
      try await old.migrate(to: "unix:\(path)", within: limit)
    case .file:
      try await old.migrate(to: "exec:cat > \(path)", within: limit)
      target = try await start(moved, log: guest.console.url, incoming: "exec:cat \(path)")
    }
    try await target.monitor.wait(for: ["RESUME"], command: "migrate", within: limit)
    try await end(guest)
    try await shell.run("rm -f \(path)")
    return target
  }

  /// How a guest's state gets from one QEMU to the next.
  public enum Migration: Sendable, CaseIterable {
    /// The guest keeps running meanwhile.
    case socket
    /// The guest is stopped from the moment the file is complete until it has been read.
    case file
  }

  /// Ends a guest, which may hang.
  public func end(_ guest: RunningKVMGuest) async throws(GuestError) {
    // It may have ended by itself.
    try await shell.run("kill -9 $(cat /tmp/\(guest.number).pid) 2>/dev/null || true")
    while case .line = await guest.ended.next(within: .seconds(30)) {}
  }

  /// What KVM has counted for the guests that run, by the names in `/sys/kernel/debug/kvm`:
  /// `hypercalls` (kicks, and interrupts to other CPUs unless `kvm-pv-ipi` is withheld), `halt_wakeup`, `nmi_injections` and many more.
  public var statistics: [String: Int] {
    get async throws(GuestError) {
      let text = try await shell.run("cd /sys/kernel/debug/kvm && grep -s . *")
      return text.split(separator: "\n").reduce(into: [:]) { counts, line in
        let parts = line.split(separator: ":")
        guard parts.count == 2 else { return }
        counts[String(parts[0])] = Int(parts[1])
      }
    }
  }

  private func start(
    _ guest: KVMGuest, log: URL? = nil, incoming: String? = nil
  ) async throws(GuestError) -> RunningKVMGuest {
    guests += 1
    let number = guests
    let log =
      log ?? host.guestLogFile?.appendingPathExtension("\(number)")
      ?? booted.work.appending(path: "console-\(number)")
    let running = RunningKVMGuest(
      guest, number: number, input: booted.input, console: try ConsoleLog(appendingTo: log))
    for (channel, receiver) in running.receivers {
      await channels.open("\(number).\(channel)", receiver)
    }
    var arguments = [
      "-cpu", guest.features.cpu, "-smp", "\(guest.vcpus)", "-m", "\(guest.memory)",
      "-append",
      // Each character on the console is an exit to QEMU, twice emulated.
      "'"
        + (["console=ttyS0 quiet tsc=reliable panic=-1"] + guest.kernelArguments)
        .joined(separator: " ") + "'",
    ]
    if let incoming { arguments += ["-incoming", "'\(incoming)'"] }
    try await shell.run("start-guest \(number) \(arguments.joined(separator: " ")) & true")
    do {
      try await running.monitor.connect(within: .seconds(60))
    } catch {
      throw .bootFailed(attempts: 1, log: await running.errors.all)
    }
    return running
  }
}
