import Foundation

/// The kernel's own `locktorture`, from Debian's package linux-source, while the guest's spinlocks are
/// switched: CPUs go offline and come back, and threads are shuffled among them.
///
/// `Scripts/guest-setup --locktorture` builds it for a kernel.
public struct GuestLocktorture: Sendable {
  /// A kind of lock, by locktorture's name.
  public enum Lock: String, CaseIterable, Codable, Sendable {
    /// Spinlocks, interrupts on.
    case spin = "spin_lock"
    /// Spinlocks, interrupts off.
    case spinInterruptsOff = "spin_lock_irq"
    /// Readers and writers, interrupts off: queued by a spinlock.
    case readWriteInterruptsOff = "rw_lock_irq"
    /// Mutexes, whose waiters are queued under a spinlock.
    case mutex = "mutex_lock"
  }

  /// What locktorture says at its end.
  public struct Verdict: Codable, Sendable, Equatable {
    /// Sections of all writers and readers.
    public let acquisitions: Int
    /// Whether every section was alone, or with readers only.
    public let hasExcluded: Bool
    /// `SUCCESS`, `FAILURE`, or `LOCK_HOTPLUG` where a CPU did not go offline or come back.
    public let end: String

    /// Reads the log of a run that has ended; nil if it does not say how.
    package init?(log: [String], lock: Lock) {
      let mine = log.filter { $0.contains("\(lock.rawValue)-torture:") }
      func word(after name: String, in line: String) -> Substring? {
        line.range(of: name).flatMap {
          line[$0.upperBound...].split { $0.isWhitespace || $0 == ":" }.first
        }
      }
      guard
        let end = mine.last(where: { $0.contains("End of test:") })
          .flatMap({ word(after: "End of test:", in: $0) })
      else { return nil }
      // The last statistics of each kind. A long line may have been continued in the next one.
      let totals = ["Writes:", "Reads :"].compactMap { kind in log.last { $0.contains(kind) } }
      let counts = totals.compactMap { word(after: "Total:", in: $0).flatMap { Int($0) } }
      let failures = totals.map { word(after: "Fail:", in: $0) }
      guard !counts.isEmpty else { return nil }
      acquisitions = counts.reduce(0, +)
      hasExcluded = failures.allSatisfy { $0 == "0" }
      self.end = String(end)
    }
  }

  private let shell: GuestShell
  private let lock: Lock
  /// How much the kernel had said before.
  private let logged: Int

  /// What a machine must hold for it.
  ///
  /// - Throws: ``GuestError/noLocktorture(missing:kernel:)``.
  public static func files(of kernel: GuestKernel) throws(GuestError) -> [String: URL] {
    let folder = kernel.cache.appending(path: "locktorture/\(kernel.release)")
    var files: [String: URL] = [:]
    for name in ["torture.ko", "locktorture.ko"] {
      let file = folder.appending(path: name)
      guard FileManager.default.fileExists(atPath: file.path) else {
        throw .noLocktorture(missing: file.path, kernel: kernel.release)
      }
      files[name] = file
    }
    return files
  }

  /// Starts it, with a writer for each vCPU and one more.
  public static func start(
    _ lock: Lock, in shell: GuestShell
  ) async throws(GuestError) -> GuestLocktorture {
    let logged = await shell.log.lines.count
    // Intervals of seconds, so that everything happens within a short run.
    try await shell.run(
      "lsmod | grep -q '^torture ' || insmod /torture.ko; insmod /locktorture.ko"
        + " torture_type=\(lock.rawValue) onoff_interval=1 shuffle_interval=1 verbose=0")
    return GuestLocktorture(shell: shell, lock: lock, logged: logged)
  }

  /// Ends it, with every CPU back.
  public func stop(limit: Duration = .seconds(240)) async throws(GuestError) -> Verdict {
    try await shell.run("rmmod locktorture", limit: limit)
    let lines = Array(await shell.log.lines.dropFirst(logged))
    guard let verdict = Verdict(log: lines, lock: lock) else {
      throw .unexpectedOutput(
        command: "rmmod locktorture", output: lines.suffix(10).joined(separator: "\n"))
    }
    try await shell.run(
      "for cpu in /sys/devices/system/cpu/cpu*/online; do"
        + " [ $(cat $cpu) = 1 ] || echo 1 > $cpu; done", limit: limit)
    return verdict
  }
}
