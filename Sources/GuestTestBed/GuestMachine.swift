import Foundation
import Subprocess

/// A virtual machine of QEMU's, in software emulation, with a stock kernel.
///
///     let machine = GuestMachine(kernel: try GuestKernel(), vcpus: 8)
///     let (answer, log) = try await machine.run { shell in try await shell.run("uname -r") }
///
/// The machine lives as long as the closure runs, and never longer than its time limit.
public struct GuestMachine: Sendable {
  /// What it boots.
  public var kernel: GuestKernel
  /// How many virtual CPUs.
  public var vcpus: Int
  /// QEMU's name for the CPU.
  ///
  /// Without the hypervisor bit the kernel takes itself for a dedicated guest and queues natively.
  public var cpu = "max,-hypervisor"
  /// Files that lie in the root folder of the guest, by name.
  public var files: [String: URL] = [:]
  /// More words for the kernel's command line.
  public var kernelArguments: [String] = []
  /// After so many seconds QEMU is killed, whatever happens.
  public var lifetime = 600
  /// How long a boot may take.
  ///
  /// Emulation hangs now and then while it boots: nothing of ours is loaded by then, so it is tried
  /// again.
  public var bootLimit = Duration.seconds(60)
  /// How many times a boot is tried.
  public var bootAttempts = 4
  /// Keeps the kernel's log here.
  public var logFile: URL?

  /// A machine with everything else as it is by default.
  public init(kernel: GuestKernel, vcpus: Int) {
    self.kernel = kernel
    self.vcpus = vcpus
  }

  /// Boots the machine, runs the closure with a shell in it, and ends it.
  ///
  /// - Parameters:
  ///   - progress: Told what goes on, a sentence without a full stop.
  ///   - body: What to do in the guest.
  /// - Returns: What the closure returned, and what the kernel said.
  /// - Throws: ``GuestError``, or what the closure throws.
  public func run<Answer: Sendable>(
    progress: @Sendable (String) -> Void = { _ in },
    _ body: @Sendable (GuestShell) async throws -> Answer
  ) async throws -> (answer: Answer, log: KernelLog) {
    var lastWords: [String] = []
    for attempt in 1...max(1, bootAttempts) {
      progress(
        attempt == 1
          ? "booting Linux \(kernel.release) with \(vcpus) vCPUs"
          : "booting again: the emulator hung before anything was loaded")
      let work = try workFolder()
      defer { try? FileManager.default.removeItem(at: work) }
      let log = logFile ?? work.appending(path: "console")
      switch try await runOnce(work: work, log: log, body) {
      case .answered(let answer): return (answer, KernelLog(file: log))
      case .didNotBoot(let words): lastWords = words
      }
    }
    throw GuestError.bootFailed(attempts: max(1, bootAttempts), log: lastWords)
  }

  private enum Outcome<Answer: Sendable>: Sendable {
    case answered(Answer)
    case didNotBoot([String])
  }

  private func workFolder() throws(GuestError) -> URL {
    let folder = FileManager.default.temporaryDirectory.appending(
      path: "tidelock-guest-\(UUID().uuidString)")
    do {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    } catch {
      throw .file(path: folder.path, reason: error.localizedDescription)
    }
    return folder
  }

  private func runOnce<Answer: Sendable>(
    work: URL, log: URL, _ body: @Sendable (GuestShell) async throws -> Answer
  ) async throws -> Outcome<Answer> {
    let archive = work.appending(path: "initramfs")
    try await Initramfs(files: files).write(to: archive, busybox: kernel.busybox, work: work)
    let monitor = try await MonitorPipe(path: work.appending(path: "monitor").path)
    defer { monitor.close() }

    let ended = try await Subprocess.run(
      // `timeout` ends QEMU even if this program is killed.
      .name("timeout"),
      arguments: Arguments(
        ["--foreground", "--kill-after=5", "\(lifetime)"]
          + qemu(archive: archive, log: log, monitor: work.appending(path: "monitor"))),
      input: .inputWriter, output: .sequence, error: .string(limit: 1 << 16)
    ) { execution -> Outcome<Answer> in
      let lines = LineMailbox()
      return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
          do {
            for try await line in execution.standardOutput.strings() {
              await lines.put(line.trimmingCharacters(in: .newlines))
            }
          } catch {
            // The machine is gone; whoever waits for a line is told below.
          }
          await lines.end()
        }
        let result: Result<Outcome<Answer>, any Error>
        do {
          if try await hasBooted(lines) {
            // QEMU has read it, and whoever kills this program leaves little behind.
            for name in ["initramfs", "root"] {
              try? FileManager.default.removeItem(at: work.appending(path: name))
            }
            let shell = GuestShell(
              lines: lines, input: execution.standardInputWriter, monitor: monitor, logFile: log)
            result = .success(.answered(try await body(shell)))
          } else {
            result = .success(.didNotBoot(KernelLog(file: log).tail))
          }
        } catch {
          result = .failure(error)
        }
        // Nothing in the guest is worth keeping.
        try? execution.send(signal: .terminate)
        try await group.waitForAll()
        return try result.get()
      }
    }
    if case .didNotBoot = ended.closureResult, !ended.standardError.isEmpty,
      KernelLog(file: log).lines.isEmpty
    {
      throw GuestError.toolFailed(tool: "qemu-system-x86_64", reason: ended.standardError)
    }
    return ended.closureResult
  }

  private func hasBooted(_ lines: LineMailbox) async throws -> Bool {
    let deadline = ContinuousClock.now + bootLimit
    while true {
      try Task.checkCancellation()
      switch await lines.next(within: deadline - .now) {
      case .line(let line): if line.hasSuffix(GuestShell.readyMark) { return true }
      case .ended, .timedOut: return false
      }
    }
  }

  private func qemu(archive: URL, log: URL, monitor: URL) -> [String] {
    [
      "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-smp", "\(vcpus)", "-m", "512",
      "-cpu", cpu, "-nodefaults", "-display", "none", "-no-reboot",
      "-serial", "file:\(log.path)", "-serial", "stdio",
      "-chardev", "pipe,id=monitor,path=\(monitor.path)", "-mon", "chardev=monitor",
      "-kernel", kernel.image.path, "-initrd", archive.path,
      "-append", (["console=ttyS0", "panic=-1"] + kernelArguments).joined(separator: " "),
    ]
  }
}
