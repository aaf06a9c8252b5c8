import Foundation
import Subprocess

/// QEMU in software emulation on this machine, booted, with as many attempts as that takes.
///
/// The booted machine speaks through QEMU's standard input and output.
struct EmulatedBoot: Sendable {
  /// After this many seconds QEMU is killed, whatever happens.
  let lifetime: Int
  /// How long a boot may take.
  let limit: Duration
  /// How many attempts are made.
  let attempts: Int
  /// Keeps the kernel's log here.
  let logFile: URL?

  /// What QEMU is started with, made anew for each attempt.
  struct Preparation: Sendable {
    /// After `qemu-system-x86_64` and what all machines have in common.
    let arguments: [String]
    /// Where lines are printed: all of them, or those of the channel that says ``GuestShell/readyMark``.
    let lines = LineMailbox()
    /// Separates the lines of several channels, where there are several.
    var channels: LineChannels?
    /// Files that QEMU has read once the machine is up.
    let consumed: [URL]
  }

  /// A machine that is up.
  struct Booted: Sendable {
    let lines: LineMailbox
    let channels: LineChannels?
    let input: StandardInputWriter
    let monitor: MonitorPipe
    /// For files of the test bed's own; gone at the end.
    let work: URL
    let log: URL
  }

  private enum Outcome<Answer: Sendable>: Sendable {
    case answered(Answer)
    case didNotBoot([String])
  }

  /// Boots, runs the closure, and ends QEMU.
  ///
  /// - Parameters:
  ///   - starting: Called before each attempt, with whether it is a repeated one.
  ///   - prepare: Makes what is booted, in a folder that is empty.
  ///   - body: What to do with the machine.
  /// - Returns: What the closure returned, and what the machine's kernel said.
  /// - Throws: ``GuestError``, or what the closures throw.
  func run<Answer: Sendable>(
    starting: (_ isRetry: Bool) -> Void,
    prepare: (_ work: URL) async throws -> Preparation,
    _ body: @Sendable (Booted) async throws -> Answer
  ) async throws -> (answer: Answer, log: KernelLog) {
    try HostTools.require(["qemu-system-x86_64", "timeout"])
    var lastWords: [String] = []
    for attempt in 1...max(1, attempts) {
      try Task.checkCancellation()
      starting(attempt > 1)
      let work = try Self.workFolder()
      defer { try? FileManager.default.removeItem(at: work) }
      let log = logFile ?? work.appending(path: "console")
      switch try await runOnce(prepare(work), work: work, log: log, body) {
      case .answered(let answer): return (answer, KernelLog(file: log))
      case .didNotBoot(let words): lastWords = words
      }
    }
    throw GuestError.bootFailed(attempts: max(1, attempts), log: lastWords)
  }

  private static func workFolder() throws(GuestError) -> URL {
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
    _ preparation: Preparation, work: URL, log: URL,
    _ body: @Sendable (Booted) async throws -> Answer
  ) async throws -> Outcome<Answer> {
    let monitor = try await MonitorPipe(path: work.appending(path: "monitor").path)
    defer { monitor.close() }
    let common = [
      "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-nodefaults", "-display", "none",
      "-no-reboot", "-serial", "file:\(log.path)",
      "-chardev", "pipe,id=monitor,path=\(monitor.path)", "-mon", "chardev=monitor",
    ]
    let ended = try await Subprocess.run(
      // `timeout` ends QEMU even if this program is killed.
      .name("timeout"),
      arguments: Arguments(
        ["--foreground", "--kill-after=5", "\(lifetime)"] + common + preparation.arguments),
      platformOptions: HostTools.ending,
      input: .inputWriter, output: .sequence, error: .string(limit: 1 << 16)
    ) { execution -> Outcome<Answer> in
      let receiver: any LineReceiver = preparation.channels ?? preparation.lines
      return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
          do {
            for try await line in execution.standardOutput.strings() {
              await receiver.put(line.trimmingCharacters(in: .newlines))
            }
          } catch {
            // The machine has died; whoever waits for a line learns of it below.
          }
          await receiver.end()
        }
        let result: Result<Outcome<Answer>, any Error>
        do {
          if try await preparation.lines.hasReady(within: limit) {
            // If this program is killed, little is left behind.
            for file in preparation.consumed { try? FileManager.default.removeItem(at: file) }
            let booted = Booted(
              lines: preparation.lines, channels: preparation.channels,
              input: execution.standardInputWriter, monitor: monitor, work: work, log: log)
            result = .success(.answered(try await body(booted)))
          } else {
            result = .success(.didNotBoot(KernelLog(file: log).tail))
          }
        } catch {
          result = .failure(error)
        }
        // Nothing in the guest needs to be kept.
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
}

extension LineMailbox {
  /// Whether a shell reports in time that it is ready.
  func hasReady(within limit: Duration) async throws(CancellationError) -> Bool {
    let deadline = ContinuousClock.now + limit
    while true {
      if Task.isCancelled { throw CancellationError() }
      switch await next(within: deadline - .now) {
      case .line(let line): if line.hasSuffix(GuestShell.readyMark) { return true }
      case .ended, .timedOut: return false
      }
    }
  }
}
