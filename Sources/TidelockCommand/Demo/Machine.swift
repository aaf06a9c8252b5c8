import Foundation

/// What a measurement was taken on.
struct Machine: Encodable {
  let cpus: Int
  let kernel: String
  let cpuModel: String
  /// Threads that ran or waited to run over the last minute, ours not counted: before the run.
  let loadAverage: Double

  /// As it was when first asked.
  static let current = Machine(
    cpus: ProcessInfo.processInfo.activeProcessorCount,
    kernel: firstLine(of: "/proc/sys/kernel/osrelease") { !$0.isEmpty } ?? "unknown",
    cpuModel: firstLine(of: "/proc/cpuinfo") { $0.hasPrefix("model name") }
      .flatMap { $0.split(separator: ":").last }
      .map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown",
    loadAverage: firstLine(of: "/proc/loadavg") { _ in true }
      .flatMap { $0.split(separator: " ").first }.flatMap { Double($0) } ?? 0)

  private static func firstLine(of path: String, where matches: (Substring) -> Bool) -> String? {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return nil }
    return text.split(separator: "\n").first(where: matches).map(String.init)
  }
}
