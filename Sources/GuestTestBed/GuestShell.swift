import Foundation

/// A shell in a running guest.
///
///     let uptime = try await shell.run("cat /proc/uptime")
///
/// One command at a time, each in a new shell: variables and the current folder do not persist.
public actor GuestShell {
  static let readyMark = "tidelock-guest-ready"
  static let endMark = "tidelock-guest-end"

  private let lines: LineMailbox
  private let link: any GuestLink
  private let logFile: URL

  init(lines: LineMailbox, link: any GuestLink, logFile: URL) {
    self.lines = lines
    self.link = link
    self.logFile = logFile
  }

  /// What the kernel has said so far.
  public var log: KernelLog {
    get async {
      await link.settleLog()
      return KernelLog(file: logFile)
    }
  }

  /// Runs a command line.
  ///
  /// - Parameters:
  ///   - command: One line for busybox's shell.
  ///   - limit: How long it may take.
  /// - Returns: What it printed, without the last line feed.
  /// - Throws: ``GuestError``: it ended with an error, did not end, or the guest died.
  @discardableResult
  public func run(
    _ command: String, limit: Duration = .seconds(60)
  ) async throws(GuestError) -> String {
    let (status, output) = try await tryToRun(command, limit: limit)
    guard status == 0 else {
      throw .commandFailed(command: command, status: status, output: output)
    }
    return output
  }

  /// Runs a command line that may fail and returns its exit status, too.
  public func tryToRun(
    _ command: String, limit: Duration = .seconds(60)
  ) async throws(GuestError) -> (status: Int, output: String) {
    do {
      try await link.type(command)
    } catch {
      throw .died(command: command, log: await log.tail + link.lastWords())
    }
    let deadline = ContinuousClock.now + limit
    var output: [String] = []
    while true {
      switch await lines.next(within: deadline - .now) {
      case .line(let line):
        // If the output does not end with a line feed, its last line precedes the mark on the same line.
        guard let mark = line.range(of: Self.endMark + " ", options: .backwards) else {
          output.append(line)
          continue
        }
        if mark.lowerBound > line.startIndex { output.append(String(line[..<mark.lowerBound])) }
        return (Int(line[mark.upperBound...]) ?? -1, output.joined(separator: "\n"))
      case .ended:
        throw .died(command: command, log: await log.tail + link.lastWords())
      case .timedOut:
        let standing = await link.standing()
        throw .hung(
          command: command, seconds: Int(limit.components.seconds), log: await log.tail + standing)
      }
    }
  }

  /// The content of a file in the guest.
  public func read(_ file: String) async throws(GuestError) -> String {
    try await run("cat \(file)")
  }

  /// Writes a word into a file of the guest, such as one in sysfs.
  public func write(
    _ word: String, to file: String, limit: Duration = .seconds(60)
  ) async throws(GuestError) {
    try await run("echo \(word) > \(file)", limit: limit)
  }

  /// Makes QEMU send an NMI to every CPU whose local APIC takes external ones: under Linux the first.
  public func injectNMI() async throws(GuestError) {
    try await link.injectNMI()
  }

  /// Makes QEMU write some of the guest's memory, by virtual addresses of its kernel, into a file of this
  /// machine.
  public func saveMemory(from address: UInt64, count: Int, to file: URL) async throws(GuestError) {
    try await link.saveMemory(from: address, count: count, to: file)
  }
}
