import Foundation
import Subprocess

/// A guest on KVM that is up.
public struct RunningKVMGuest: Sendable {
  /// Its configuration.
  public let guest: KVMGuest
  /// A shell in it.
  public let shell: GuestShell

  let number: Int
  let monitor: QEMUMonitor
  let console: ConsoleLog
  let lines = LineMailbox()
  /// What QEMU says.
  let errors = LineMailbox()
  /// Receives no lines, only the end.
  let ended = LineMailbox()

  init(_ guest: KVMGuest, number: Int, input: StandardInputWriter, console: ConsoleLog) {
    self.guest = guest
    self.number = number
    self.console = console
    monitor = QEMUMonitor { line in
      _ = try await input.write("\(number).monitor \(line)\n")
    }
    shell = GuestShell(
      lines: lines,
      link: NestedLink(
        number: number, input: input, monitor: monitor, console: console, errors: errors),
      logFile: console.url)
  }

  /// Which receiver gets the lines of which channel.
  var receivers: [(String, any LineReceiver)] {
    [
      ("console", console), ("shell", lines), ("monitor", monitor), ("errors", errors),
      ("ended", ended),
    ]
  }
}

/// The channels of a guest on KVM.
private struct NestedLink: GuestLink {
  let number: Int
  let input: StandardInputWriter
  let monitor: QEMUMonitor
  let console: ConsoleLog
  let errors: LineMailbox

  func lastWords() async -> [String] {
    var words: [String] = []
    while case .line(let line) = await errors.next(within: .milliseconds(100)) {
      words.append("QEMU: \(line)")
    }
    return words
  }

  func type(_ line: String) async throws { _ = try await input.write("\(number).shell \(line)\n") }

  func injectNMI() async throws(GuestError) { try await monitor.execute("inject-nmi") }

  func standing() async -> [String] {
    let answer = try? await monitor.execute(
      "human-monitor-command", ["command-line": .word(CPUStanding.command)], limit: .seconds(10))
    return CPUStanding.lines(of: answer ?? "")
  }

  /// The log uses a channel of its own, so the output of commands may overtake it.
  func settleLog() async {
    await console.settle { mark in _ = try await input.write("\(number).log \(mark)\n") }
  }
}

/// The channel of the host's own shell.
struct HostLink: GuestLink {
  let input: StandardInputWriter
  let monitor: MonitorPipe

  func type(_ line: String) async throws {
    _ = try await input.write("\(KVMHostFiles.shell) \(line)\n")
  }

  func injectNMI() throws(GuestError) { try monitor.command("nmi") }

  func standing() -> [String] { monitor.standing() }
}
