import ArgumentParser
import Foundation
import ProgramSamples
import Runs

/// `tidelock guest status`: what the module in the running kernel is and does.
struct GuestStatusCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status",
    abstract: "Show the set in force, steal time, the last switch and the policy's last decisions."
  )

  @Flag(help: "Look again every second until Ctrl-C, with a line of steal time.")
  var watch = false

  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws {
    if watch, json {
      throw ValidationError("--watch and --json cannot be given together; choose one.")
    }
  }

  func run() async throws {
    let module = try RunningModule()
    if json { return try StandardOutput.write(prettyJSON(ModuleStatus(module))) }
    let terminal = Terminal(.standardOutput)
    guard watch, terminal.isLive else {
      for line in try ModuleStatus(module).lines { print(line) }
      return
    }
    try await follow(terminal)
  }

  /// Draws the same lines again and again, with what the host has taken each second.
  private func follow(_ terminal: Terminal) async throws {
    let signals = CaughtSignals([SIGINT, SIGTERM, SIGHUP])
    var lines = LiveLines(terminal)
    defer { lines.close() }
    var shares: [Double] = []
    var samples = MachineSamples(at: DispatchTime.now().uptimeNanoseconds)
    var text: [String] = []
    while signals.take() == nil {
      let recorded = samples?.look(at: DispatchTime.now().uptimeNanoseconds)
      if let sample = recorded?.sample, let stolen = sample.waited, sample.elapsed > 0 {
        shares.append(Double(stolen) / (Double(sample.elapsed) * Double(sample.cpus)))
      }
      // A module that is removed meanwhile ends the view with its sentence.
      text = try ModuleStatus(RunningModule()).lines
      let width = max(10, min(60, terminal.width - 24))
      let share = shares.last.map { "\(Int(($0 * 100).rounded())) %" } ?? "?"
      text.append(
        "Steal      \(StealLine.text(shares.suffix(width), plain: terminal.isPlain)) \(share)")
      lines.draw(text.map { String($0.prefix(max(1, terminal.width - 1))) })
      try? await Task.sleep(for: .seconds(1))
    }
    lines.close()
    for line in text { print(line) }
  }
}

/// Shares of time, one character each, from nothing to all of it.
public enum StealLine {
  /// The line; only ASCII if it must be plain.
  public static func text(_ shares: some Collection<Double>, plain: Bool) -> String {
    let levels: [Character] = Array(plain ? "_.-=+*#" : "▁▂▃▄▅▆▇█")
    return String(
      shares.map { share in
        let level = (min(1, max(0, share)) * Double(levels.count - 1)).rounded(.up)
        return levels[Int(level)]
      })
  }
}

/// All that is shown of the module.
public struct ModuleStatus: Encodable {
  /// What the file `status` says.
  let status: [String: String]
  /// The policy in force; nil in a module without one.
  let policy: String?
  /// The last decisions, newest last, a line each.
  let decisions: [String]
  /// Of all CPU time since boot, what the host gave to others.
  let stealSeconds: Double?
  private let last: LastSwitch?

  private struct LastSwitch: Encodable {
    let from, to, result, reason: String
    let microseconds, longestStall: Double
    let error: String?
  }

  private enum CodingKeys: String, CodingKey {
    case status, policy, decisions
    case stealSeconds = "steal_seconds"
    case last = "last_switch"
  }

  /// Asks the module.
  ///
  /// - Throws: What keeps one of its files from being read.
  public init(_ module: RunningModule, root: String = "") throws(OperatorError) {
    status = Dictionary(
      try module.status().map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
    policy = module.has("policy") ? try module.read("policy") : nil
    decisions =
      module.has("decisions")
      ? try module.read("decisions").split(separator: "\n").suffix(3).map(String.init) : []
    stealSeconds = stolenSeconds(root: root)
    last = try module.lastSwitch().map {
      LastSwitch(
        from: $0.from, to: $0.to, result: $0.result, reason: $0.reason,
        microseconds: $0.microseconds, longestStall: $0.longestStall, error: $0.error)
    }
  }

  /// For people.
  public var lines: [String] {
    func value(_ name: String) -> String { status[name] ?? "unknown" }
    var lines = [
      "Set        \(value("set")), booted with \(value("boot_set"))"
        + (status["settled"] == "no" ? "; a failed switch is still to be led on" : ""),
      "Kernel     \(value("kernel")), on \(value("hypervisor")), kicks by \(value("kick_by"))",
      "In place   \(value("in_place"))",
      "Switches   \(value("switches"))",
    ]
    if let last {
      lines.append(
        "Last       \(last.from) -> \(last.to) asked by \(last.reason): \(last.result) in"
          + " \(Int(last.microseconds)) us, longest stall \(Int(last.longestStall)) us"
          + (last.error.map { "; \($0)" } ?? ""))
    }
    if let blocker = status["blocked_by"], blocker != "nothing" {
      lines.append("Blocked    by module \(blocker): remove it to switch")
    }
    if let policy { lines.append("Policy     \(policy)") }
    for decision in decisions { lines.append("           \(decision)") }
    return lines
  }
}
