import Foundation
import Subprocess

/// A QEMU virtual machine, in software emulation, with a stock kernel.
///
///     let machine = GuestMachine(kernel: try GuestKernel(), vcpus: 8)
///     let (answer, log) = try await machine.run { shell in try await shell.run("uname -r") }
///
/// The machine lives as long as the closure runs, and never longer than its time limit.
public struct GuestMachine: BootableGuest {
  /// What it boots.
  public var kernel: GuestKernel
  /// How many virtual CPUs.
  public var vcpus: Int
  /// QEMU's name for the CPU.
  ///
  /// Without the hypervisor bit the kernel finds no hypervisor and queues natively.
  public var cpu = "max,-hypervisor"
  /// Files that lie in the root folder of the guest, by name.
  public var files: [String: URL] = [:]
  /// More words for the kernel's command line.
  public var kernelArguments: [String] = []
  /// After this many seconds QEMU is killed, whatever happens.
  public var lifetime = 600
  /// How long a boot may take.
  ///
  /// Emulation hangs now and then during boot. No module is loaded by then, so the boot is tried
  /// again.
  public var bootLimit = Duration.seconds(60)
  /// How many attempts a boot gets.
  public var bootAttempts = 4
  /// Keeps the kernel's log here.
  public var logFile: URL?

  /// A machine with defaults for everything else.
  public init(kernel: GuestKernel, vcpus: Int) {
    self.kernel = kernel
    self.vcpus = vcpus
  }

  /// Boots the machine, runs the closure with a shell in it, and ends it.
  public func run<Answer: Sendable>(
    progress: @Sendable (String) -> Void,
    _ body: @Sendable (GuestShell) async throws -> Answer
  ) async throws -> (answer: Answer, log: KernelLog) {
    let boot = EmulatedBoot(
      lifetime: lifetime, limit: bootLimit, attempts: bootAttempts, logFile: logFile)
    return try await boot.run(
      starting: { isRetry in
        progress(
          isRetry
            ? "booting again: the emulator hung before anything was loaded"
            : "booting Linux \(kernel.release) with \(vcpus) vCPUs")
      },
      prepare: prepare
    ) { booted in
      try await body(
        GuestShell(
          lines: booted.lines, link: SerialLink(input: booted.input, monitor: booted.monitor),
          logFile: booted.log))
    }
  }

  private func prepare(_ work: URL) async throws -> EmulatedBoot.Preparation {
    let archive = work.appending(path: "initramfs")
    let root = work.appending(path: "root")
    try await Initramfs(files: files).write(to: archive, busybox: kernel.busybox, root: root)
    return EmulatedBoot.Preparation(
      arguments: [
        "-smp", "\(vcpus)", "-m", "512", "-cpu", cpu, "-serial", "stdio",
        "-kernel", kernel.image.path, "-initrd", archive.path,
        "-append", (["console=ttyS0", "panic=-1"] + kernelArguments).joined(separator: " "),
      ],
      consumed: [archive, root])
  }
}

/// A serial port of an emulated guest, and the monitor of its QEMU.
private struct SerialLink: GuestLink {
  let input: StandardInputWriter
  let monitor: MonitorPipe

  func type(_ line: String) async throws { _ = try await input.write(line + "\n") }

  func injectNMI() throws(GuestError) { try monitor.command("nmi") }

  func standing() -> [String] { monitor.standing() }

  func saveMemory(from address: UInt64, count: Int, to file: URL) throws(GuestError) {
    _ = try monitor.answer(to: "memsave \(address) \(count) \"\(file.path)\"")
  }
}
