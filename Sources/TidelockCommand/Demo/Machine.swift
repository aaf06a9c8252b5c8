import Foundation

/// What a measurement was taken on.
struct Machine: Encodable {
  let cpus: Int
  let kernel: String
  let cpuModel: String
  /// How many threads of other programs were running or ready to run, before ours began.
  ///
  /// Not the load average: that looks back a minute, and is as wrong after a build as before it.
  let otherThreads: Int

  /// As it was when first asked.
  static let current = Machine(
    cpus: ProcessInfo.processInfo.activeProcessorCount,
    kernel: firstLine(of: "/proc/sys/kernel/osrelease") { !$0.isEmpty } ?? "unknown",
    cpuModel: firstLine(of: "/proc/cpuinfo") { $0.hasPrefix("model name") }
      .flatMap { $0.split(separator: ":").last }
      .map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown",
    // The fourth field is `running/all`, and one that runs is the one that reads this.
    otherThreads: firstLine(of: "/proc/loadavg") { _ in true }
      .flatMap { $0.split(separator: " ").dropFirst(3).first?.split(separator: "/").first }
      .flatMap { Int($0) }.map { max(0, $0 - 1) } ?? 0)

  private static func firstLine(of path: String, where matches: (Substring) -> Bool) -> String? {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return nil }
    return text.split(separator: "\n").first(where: matches).map(String.init)
  }
}
