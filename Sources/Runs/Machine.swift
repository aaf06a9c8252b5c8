import CPUIdentification
import Foundation

/// What a measurement was taken on.
public struct Machine: Codable, Sendable {
  /// How many CPUs this process may use.
  public let cpus: Int
  /// The release of the kernel.
  public let kernel: String
  /// What the processor calls itself.
  public let cpuModel: String
  /// What the hypervisor calls itself; nil on bare metal.
  public let hypervisor: String?
  /// How many threads of other programs were running or ready to run before the measurement.
  ///
  /// Not the load average: that covers the last minute, so it is wrong right after a build.
  public let otherThreads: Int

  /// As it was when first asked.
  public static let current = Machine(
    cpus: ProcessInfo.processInfo.activeProcessorCount,
    kernel: firstLine(of: "/proc/sys/kernel/osrelease") { !$0.isEmpty } ?? "unknown",
    cpuModel: firstLine(of: "/proc/cpuinfo") { $0.hasPrefix("model name") }
      .flatMap { $0.split(separator: ":").last }
      .map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown",
    hypervisor: hypervisorSignature,
    // The fourth field is `running/all`, and one of those that run is the thread that reads this.
    otherThreads: firstLine(of: "/proc/loadavg") { _ in true }
      .flatMap { $0.split(separator: " ").dropFirst(3).first?.split(separator: "/").first }
      .flatMap { Int($0) }.map { max(0, $0 - 1) } ?? 0)

  /// The small print of a page.
  var facts: [RunPage.Fact] {
    [
      .init("CPUs", "\(cpus) (\(cpuModel))"), .init("kernel", kernel),
      .init("other threads running", "\(otherThreads) before the run"),
    ]
  }

  private static func firstLine(of path: String, where matches: (Substring) -> Bool) -> String? {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return nil }
    return text.split(separator: "\n").first(where: matches).map(String.init)
  }

  private static var hypervisorSignature: String? {
    // The bit that says whether CPUID's hypervisor leaves are valid.
    guard cpu_leaf(1).ecx >> 31 == 1 else { return nil }
    let leaf = cpu_leaf(0x4000_0000)
    return signature(leaf.ebx, leaf.ecx, leaf.edx)
  }

  /// What a hypervisor calls itself in three words of CPUID, such as `KVMKVMKVM`.
  public static func signature(_ words: UInt32...) -> String {
    let bytes = words.flatMap { word in
      (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * UInt32($0))) }
    }
    return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
  }
}
