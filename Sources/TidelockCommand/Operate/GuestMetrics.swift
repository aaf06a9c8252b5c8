import ELFReader
import Foundation
import ProgramSamples

/// The module's counters in the text format of Prometheus, for node_exporter's textfile collector.
public struct GuestMetrics {
  private var lines: [String] = []

  /// Asks the module; that it is not loaded is a metric, too.
  ///
  /// - Parameter root: Stands for `/`, in tests.
  /// - Throws: Why a file of a loaded module cannot be read.
  public init(root: String = "") throws(OperatorError) {
    let isLoaded = RunningModule.isLoaded(root: root)
    add("tidelock_loaded", "gauge", "Whether the module is loaded.", [("", isLoaded ? 1 : 0)])
    addSteal(root)
    guard isLoaded else { return }
    let module = try RunningModule(root: root)
    if let version = RunningModule.version(root: root) {
      add("tidelock_module_info", "gauge", "The module.", [("version=\"\(version)\"", 1)])
    }
    let set = try module.read("set")
    add(
      "tidelock_set", "gauge", "Which set of lock operations is in force.",
      ["native", "paravirtual", "test-and-set"].map { ("set=\"\($0)\"", $0 == set ? 1 : 0) })
    let settled = try module.status("settled") == "yes"
    add(
      "tidelock_settled", "gauge", "Whether that set is wholly in place.", [("", settled ? 1 : 0)])
    add(
      "tidelock_switches_total", "counter", "Switches since the module was loaded, by result.",
      try module.counters("switches").map { ("result=\"\($0.name)\"", Double($0.count)) })
    add(
      "tidelock_breakpoints_total", "counter", "Breakpoints that CPUs hit, by context.",
      try module.counters("breakpoints").map { ("context=\"\($0.name)\"", Double($0.count)) })
    let decisions = try module.counters("decisions")
    if !decisions.isEmpty {
      add(
        "tidelock_decisions_total", "counter", "The policy's decisions, by reason.",
        decisions.map { ("reason=\"\($0.name)\"", Double($0.count)) })
    }
    guard let last = try module.lastSwitch() else { return }
    add(
      "tidelock_last_switch_info", "gauge", "The last switch.",
      [
        (
          "from=\"\(last.from)\",to=\"\(last.to)\",result=\"\(last.result)\","
            + "reason=\"\(last.reason)\"", 1
        )
      ])
    add(
      "tidelock_last_switch_seconds", "gauge", "How long the last switch took.",
      [("", last.microseconds / 1e6)])
    add(
      "tidelock_last_switch_stall_seconds", "gauge", "The longest time that it stalled one CPU.",
      [("", last.longestStall / 1e6)])
  }

  /// All of them, as a scrape or the collector reads them.
  public var text: String { lines.joined(separator: "\n") + "\n" }

  /// Replaces a file atomically, so that no reader sees half of it.
  public func write(to path: String) throws {
    do {
      try Data(text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
      // The collector does not run as root.
      try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
    } catch {
      throw OutputError("The file '\(path)'", error)
    }
  }

  private mutating func add(
    _ name: String, _ kind: String, _ help: String, _ values: [(labels: String, value: Double)]
  ) {
    lines += ["# HELP \(name) \(help)", "# TYPE \(name) \(kind)"]
    for (labels, value) in values {
      let number = value == value.rounded() ? "\(Int(value))" : "\(value)"
      lines.append(labels.isEmpty ? "\(name) \(number)" : "\(name){\(labels)} \(number)")
    }
  }

  /// What the host took from this guest, over all CPUs.
  private mutating func addSteal(_ root: String) {
    guard let stolen = stolenSeconds(root: root) else { return }
    add(
      "tidelock_steal_seconds_total", "counter",
      "CPU time that the host gave to others, over all CPUs.", [("", stolen)])
  }
}

/// CPU time that the host gave to others since boot, over all CPUs, in seconds; nil where /proc/stat does
/// not say.
func stolenSeconds(root: String = "") -> Double? {
  guard let stat = try? readKernelFile(root + "/proc/stat") else { return nil }
  return ProgramReadings.machine(
    String(decoding: stat, as: UTF8.self), Int64(ProgramSamples.ticksPerSecond)
  ).map { Double($0.stolen) / 1e9 }
}
