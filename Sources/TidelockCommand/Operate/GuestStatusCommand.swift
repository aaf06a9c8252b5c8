import ArgumentParser
import Foundation
import GuestTestBed
import ProgramSamples
import Runs

/// `tidelock guest status`: the state of the module in the running kernel.
struct GuestStatusCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status",
    abstract: "Show the set in force, steal time, the last switch and the policy's last decisions."
  )

  @Flag(help: "Refresh every second until Ctrl-C, with a line of steal time.")
  var watch = false

  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws {
    if watch, json {
      throw ValidationError("--watch and --json cannot be given together; choose one.")
    }
  }

  func run() throws {
    let module = try RunningModule()
    if json {
      return try Output.standard.write(jsonText(ModuleStatus(module).json, isSnakeCase: false))
    }
    let display = RunDisplay(json: false)
    if watch, display.isLive { return try follow(display) }
    for line in try ModuleStatus(module).lines { print(line) }
  }

  /// Redraws the same lines, with what the host has taken each second.
  private func follow(_ display: RunDisplay) throws {
    var shares: [Double] = []
    var samples = MachineSamples(at: DispatchTime.now().uptimeNanoseconds)
    var text: [String] = []
    var failure: (any Error)?
    var isOver = false
    _ = Runs.watch(
      display, every: 1, wake: DispatchSemaphore(value: 0), isFinished: { isOver }, begin: {},
      interrupt: { isOver = true },
      look: {
        let recorded = samples?.look(at: DispatchTime.now().uptimeNanoseconds)
        if let sample = recorded?.sample, let stolen = sample.waited, sample.elapsed > 0 {
          shares.append(Double(stolen) / (Double(sample.elapsed) * Double(sample.cpus)))
        }
        do {
          text = try ModuleStatus(RunningModule()).lines
        } catch {
          // If the module is removed meanwhile, that error ends the view.
          failure = error
          isOver = true
          return
        }
        let width = max(10, min(60, display.terminal.width - 24))
        let line = Sparkline(plain: display.terminal.isPlain).text(shares.suffix(width))
        let share = shares.last.map { Quantity.percent($0, decimals: 0) } ?? "?"
        text.append("Steal      \(line) \(share)")
        display.draw(text)
      })
    if let failure { throw failure }
    for line in text { print(line) }
  }
}

/// Everything that is shown of the module.
public struct ModuleStatus {
  /// What the file `status` says.
  let status: [String: String]
  /// The policy in force; nil in a module without one.
  let policy: String?
  /// The last decisions, newest last, a line each.
  let decisions: [String]
  /// The CPU time since boot that the host gave to others.
  let stealSeconds: Double?
  /// Of the module, and a word about it if the command is of another.
  let version, otherVersion: String?
  private let last: GuestSwitchReport?

  /// Asks the module.
  ///
  /// - Throws: Why one of its files cannot be read.
  public init(_ module: RunningModule, root: String = "") throws(OperatorError) {
    status = Dictionary(
      try module.status().map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
    policy = module.has("policy") ? try module.read("policy") : nil
    decisions =
      module.has("decisions")
      ? try module.read("decisions").split(separator: "\n").suffix(3).map(String.init) : []
    stealSeconds = stolenSeconds(root: root)
    version = RunningModule.version(root: root)
    otherVersion = RunningModule.otherVersion(root: root)
    last = try module.lastSwitch()
  }

  /// For programs.
  var json: JSONObject {
    [
      "version": version, "status": status, "policy": policy, "decisions": decisions,
      "steal_seconds": stealSeconds,
      "last_switch": last.map { last -> JSONObject in
        [
          "from": last.from, "to": last.to, "result": last.result, "reason": last.reason,
          "microseconds": last.microseconds, "longestStall": last.longestStall,
          "error": last.error,
        ]
      },
    ]
  }

  /// For people.
  public var lines: [String] {
    func value(_ name: String) -> String { status[name] ?? "unknown" }
    var lines = [
      "Set        \(value("set")), booted with \(value("boot_set"))"
        + (status["settled"] == "no" ? "; a failed switch is not resolved yet" : ""),
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
    if let otherVersion { lines.append("Module     \(otherVersion)") }
    if let policy { lines.append("Policy     \(policy)") }
    for decision in decisions { lines.append("           \(decision)") }
    return lines
  }
}
