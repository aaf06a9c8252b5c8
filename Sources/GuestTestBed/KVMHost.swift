import Foundation
import Subprocess

/// A stock Linux that runs as a KVM host inside software emulation: stock kvm-amd, stock QEMU.
///
/// Software emulation has AMD's virtualisation with nested paging, so guests of this host run on a
/// real KVM: with its wake-ups by hypercall, hints, steal time and migration.
///
///     let host = try KVMHost(kernel: GuestKernel())
///     let (uptime, _) = try await host.run { host in
///       let guest = try await host.boot(KVMGuest(vcpus: 4))
///       return try await guest.shell.run("cat /proc/uptime")
///     }
public struct KVMHost: Sendable {
  /// What its guests boot; the host itself is always the kernel of `Scripts/guest-setup --kvm`.
  public let kernel: GuestKernel
  /// Files that lie in the root folder of its guests, by name.
  public var files: [String: URL] = [:]
  /// How many CPUs it has.
  public var cpus = KVMHost.defaultCPUs
  /// After this many seconds QEMU is killed, whatever happens.
  public var lifetime = 900
  /// How long its boot may take.
  public var bootLimit = Duration.seconds(120)
  /// How many attempts a boot gets, of the host and of each guest.
  public var bootAttempts = 4
  /// How long the boot of a guest may take.
  public var guestBootLimit = Duration.seconds(120)
  /// Keeps the log of the host's kernel here.
  public var logFile: URL?
  /// Keeps the logs of its guests' kernels here: the number of the guest is added to the name.
  public var guestLogFile: URL?

  /// How many CPUs a host has by default.
  public static let defaultCPUs = 2

  private let image: URL
  private let archive: URL

  /// A host with defaults for everything else.
  ///
  /// - Throws: ``GuestError/noKVMHost(missing:)``.
  public init(kernel: GuestKernel) throws(GuestError) {
    self.kernel = kernel
    let folder = kernel.cache.appending(path: "kvm")
    image = folder.appending(path: "vmlinuz")
    archive = folder.appending(path: "archive")
    for file in [image, archive] where !FileManager.default.fileExists(atPath: file.path) {
      throw .noKVMHost(missing: file.path)
    }
  }

  /// Boots the host, runs the closure, and ends it with all its guests.
  ///
  /// - Parameters:
  ///   - progress: Called with what happens, a sentence without a full stop.
  ///   - body: What to do with the host.
  /// - Returns: What the closure returned, and what the host's kernel said.
  /// - Throws: ``GuestError``, or what the closure throws.
  public func run<Answer: Sendable>(
    progress: @Sendable (String) -> Void = { _ in },
    _ body: @Sendable (RunningKVMHost) async throws -> Answer
  ) async throws -> (answer: Answer, log: KernelLog) {
    let boot = EmulatedBoot(
      lifetime: lifetime, limit: bootLimit, attempts: bootAttempts, logFile: logFile)
    return try await boot.run(
      starting: { isRetry in
        progress(
          isRetry
            ? "booting the KVM host again: the emulator hung before it was up"
            : "booting a KVM host with \(cpus) CPUs")
      },
      prepare: prepare
    ) { booted in
      guard let channels = booted.channels else { preconditionFailure("prepared without channels") }
      return try await body(RunningKVMHost(self, booted, channels))
    }
  }

  private func prepare(_ work: URL) async throws -> EmulatedBoot.Preparation {
    let guest = work.appending(path: "guest-initramfs")
    let guestRoot = work.appending(path: "guest-root")
    try await Initramfs(files: files).write(to: guest, busybox: kernel.busybox, root: guestRoot)
    let mine = work.appending(path: "host-files")
    let mineRoot = work.appending(path: "host-root")
    try await CPIOArchive(
      files: [
        "guest/initramfs": guest, "guest/vmlinux": try await KVMHostFiles.vmlinux(of: kernel),
      ],
      programs: [
        "init": KVMHostFiles.initScript, "bin/relay": KVMHostFiles.relay,
        "bin/start-guest": KVMHostFiles.startGuest,
      ]
    ).write(to: mine, busybox: kernel.busybox, root: mineRoot)
    // The kernel unpacks archives that follow each other in one file.
    let both = work.appending(path: "initramfs")
    do {
      try FileManager.default.copyItem(at: archive, to: both)
      let file = try FileHandle(forUpdating: both)
      try file.seekToEnd()
      try file.write(contentsOf: Data(contentsOf: mine, options: .alwaysMapped))
      try file.close()
      for used in [guest, guestRoot, mine, mineRoot] {
        try FileManager.default.removeItem(at: used)
      }
    } catch {
      throw GuestError.file(path: both.path, reason: error.localizedDescription)
    }
    let channels = LineChannels()
    let preparation = EmulatedBoot.Preparation(
      arguments: [
        // Five-level paging would add a step to each walk of the nested page tables.
        "-smp", "\(cpus)", "-m", "2500", "-cpu", "max,la57=off",
        "-chardev", "stdio,id=port,signal=off", "-device", "pci-serial,chardev=port",
        "-kernel", image.path, "-initrd", both.path,
        "-append", "console=ttyS0 mitigations=off tsc=reliable panic=-1",
      ],
      channels: channels, consumed: [both])
    await channels.open(KVMHostFiles.shell, preparation.lines)
    return preparation
  }
}

/// One guest on a KVM host of its own, which is booted with it and ends with it.
public struct GuestOnKVM: BootableGuest {
  /// Where it runs.
  public var host: KVMHost
  /// Its configuration.
  public var guest: KVMGuest

  /// A guest on a host with defaults for everything.
  ///
  /// - Throws: ``GuestError/noKVMHost(missing:)``.
  public init(kernel: GuestKernel, guest: KVMGuest) throws(GuestError) {
    host = try KVMHost(kernel: kernel)
    self.guest = guest
  }

  /// What it boots.
  public var kernel: GuestKernel { host.kernel }
  /// How many virtual CPUs it has.
  public var vcpus: Int { guest.vcpus }
  /// Files that lie in its root folder, by name.
  public var files: [String: URL] {
    get { host.files }
    set { host.files = newValue }
  }
  /// After this many seconds its host is ended, whatever happens.
  public var lifetime: Int {
    get { host.lifetime }
    set { host.lifetime = newValue }
  }

  /// Boots the host and the guest, runs the closure with a shell in the guest, and ends both.
  public func run<Answer: Sendable>(
    progress: @Sendable (String) -> Void,
    _ body: @Sendable (GuestShell) async throws -> Answer
  ) async throws -> (answer: Answer, log: KernelLog) {
    try await host.run(progress: progress) { host in
      let guest = try await host.boot(guest, progress: progress)
      do {
        return (try await body(guest.shell), await guest.shell.log)
      } catch GuestError.died(let command, let log) {
        // A guest that is reset prints nothing itself, but its QEMU and the host's kernel may.
        let more = await guest.errors.all + host.shell.log.tail.suffix(5)
        throw GuestError.died(command: command, log: log + more)
      }
    }.answer
  }
}
