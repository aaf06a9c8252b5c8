import Foundation
import LockSwitching
import Tidelock

/// `tidelock.ko` in a guest: the files in /sys/kernel/tidelock.
public struct GuestSwitcher: Sendable {
  static let folder = "/sys/kernel/tidelock"
  private let shell: GuestShell

  /// Loads the module; the guest must hold it and its table in its root folder (``files(_:)``).
  ///
  /// - Throws: ``GuestError``; the kernel's log says why the module did not load.
  public static func load(in shell: GuestShell) async throws(GuestError) -> GuestSwitcher {
    // In a guest of a KVM host that is itself emulated, the module cannot see the emulator.
    let command = "insmod /tidelock.ko sites=/sites protocols=all emulated=1"
    let (status, output) = try await shell.tryToRun(command)
    guard status == 0 else {
      // The kernel's reason is better than insmod's.
      let reason = await shell.log.lines.last { $0.contains("tidelock: not loaded") }
      throw .commandFailed(command: command, status: status, output: reason ?? output)
    }
    return GuestSwitcher(shell: shell)
  }

  init(shell: GuestShell) {
    self.shell = shell
  }

  /// What a machine must hold for both modules.
  public static func files(_ modules: GuestModules) -> [String: URL] {
    [
      "tidelock.ko": modules.tidelock, "tidelock_torture.ko": modules.torture,
      "sites": modules.siteTable,
    ]
  }

  /// The set in force: `native`, `paravirtual` or `test-and-set`.
  public var set: String {
    get async throws(GuestError) { try await shell.read("\(Self.folder)/set") }
  }

  /// What the module says about itself, by name.
  public var status: [String: String] {
    get async throws(GuestError) {
      let text = try await shell.read("\(Self.folder)/status")
      return text.split(separator: "\n").reduce(into: [:]) { fields, line in
        let parts = line.split(separator: ":", maxSplits: 1)
        guard parts.count == 2 else { return }
        fields[String(parts[0])] = parts[1].trimmingCharacters(in: .whitespaces)
      }
    }
  }

  /// How the next switches are carried out: the protocol, and protocol-specific options.
  public struct Method: Codable, Sendable, Equatable {
    /// `staged`, `stop-machine` or `barrier`.
    public var `protocol`: String
    /// For `stop-machine`: `task` or `nmi`.
    public var stopMode = "task"
    /// For `barrier`: where a reference ends, `unlock` or `slow-path`.
    public var accounting = "unlock"

    /// A protocol as it was published.
    public init(_ protocol: String) {
      self.protocol = `protocol`
    }

    /// `stop-machine` inside an NMI handler.
    public static var stopMachineInNMI: Method {
      var method = Method("stop-machine")
      method.stopMode = "nmi"
      return method
    }

    /// `barrier` that counts slow paths only.
    public static var barrierOfSlowPaths: Method {
      var method = Method("barrier")
      method.accounting = "slow-path"
      return method
    }
  }

  /// Chooses how the next switches are carried out.
  public func choose(_ method: Method) async throws(GuestError) {
    try await shell.write(method.protocol, to: "\(Self.folder)/protocol")
    try await shell.write(method.stopMode, to: "\(Self.folder)/stop_mode")
    try await shell.write(method.accounting, to: "\(Self.folder)/accounting")
  }

  /// Switches to a set and returns the kernel's report.
  ///
  /// - Throws: ``GuestError/commandFailed(command:status:output:)`` if the switch was refused or
  ///   undone; ``lastSwitch`` then tells more.
  @discardableResult
  public func change(
    to set: String, limit: Duration = .seconds(60)
  ) async throws(GuestError) -> GuestSwitchReport {
    try await shell.write(set, to: "\(Self.folder)/set", limit: limit)
    return try await lastSwitch
  }

  /// Tries to switch to a set; the report says whether it succeeded.
  public func tryToChange(
    to set: String, limit: Duration = .seconds(60)
  ) async throws(GuestError) -> GuestSwitchReport {
    _ = try await shell.tryToRun("echo \(set) > \(Self.folder)/set", limit: limit)
    return try await lastSwitch
  }

  /// Begins a switch and returns at once, so that the guest can run other commands meanwhile.
  ///
  /// ``hasEndedChange`` says when it has ended and ``lastSwitch`` how; one at a time.
  public func beginChange(to set: String) async throws(GuestError) {
    try await shell.run(
      "rm -f \(Self.changed); (echo \(set) > \(Self.folder)/set; echo $? > \(Self.changed)) 2>&- & true"
    )
  }

  /// Whether the switch that was begun last has ended, in whichever way.
  public var hasEndedChange: Bool {
    get async throws(GuestError) {
      try await shell.tryToRun("test -s \(Self.changed)").status == 0
    }
  }

  private static let changed = "/tmp/changed"

  /// After how long a switch is undone.
  public func limitChanges(to limit: Duration) async throws(GuestError) {
    try await shell.write(
      "\(Int(limit / .milliseconds(1)))", to: "\(Self.folder)/time_limit")
  }

  /// The report of the last requested switch.
  public var lastSwitch: GuestSwitchReport {
    get async throws(GuestError) { try await shell.decode(cat: "\(Self.folder)/last_switch") }
  }

  /// Goes back to the set that the kernel booted with and removes the module, which is busy until then.
  public func unload(limit: Duration = .seconds(60)) async throws(GuestError) {
    let status = try await status
    if let bootSet = status["boot_set"], status["set"] != bootSet || status["settled"] != "yes" {
      // The protocol that every load lets finish.
      try await shell.write("staged", to: "\(Self.folder)/protocol")
      try await limitChanges(to: limit)
      try await shell.write(bootSet, to: "\(Self.folder)/set", limit: limit)
    }
    try await shell.run("rmmod tidelock", limit: limit)
  }
}

/// What the kernel says about a switch.
public struct GuestSwitchReport: Codable, Sendable {
  /// What every platform reports.
  public let report: SwitchReport
  /// The breakpoints that CPUs hit at sites in transit.
  public let met: Breakpoints
  /// Why it failed.
  public let error: String?

  /// Breakpoints that CPUs hit, by context: `task`, `softirq`, `hardirq`, `nmi`.
  public struct Breakpoints: Codable, Equatable, Sendable {
    /// All of them.
    public let breakpoints: [String: Int]
    /// Those whose CPU joined the lock-step of `stop-machine`.
    public let joined: [String: Int]
    /// Those that ended a critical section.
    public let released: [String: Int]
  }

  private enum CodingKeys: String, CodingKey {
    case met, error
  }

  /// Decodes the kernel's object: a report, and more.
  public init(from decoder: any Decoder) throws {
    report = try SwitchReport(from: decoder)
    let object = try decoder.container(keyedBy: CodingKeys.self)
    met = try object.decode(Breakpoints.self, forKey: .met)
    error = try object.decodeIfPresent(String.self, forKey: .error)
  }

  /// Encodes such an object.
  public func encode(to encoder: any Encoder) throws {
    try report.encode(to: encoder)
    var object = encoder.container(keyedBy: CodingKeys.self)
    try object.encode(met, forKey: .met)
    try object.encodeIfPresent(error, forKey: .error)
  }
}

extension GuestSwitchReport {
  /// The set that was in force.
  public var from: String { report.from.description }
  /// The set that was wanted.
  public var to: String { report.to.description }
  /// `staged`, `stop-machine` or `barrier`.
  public var `protocol`: String { report.protocol.description }
  /// `done`, `unchanged`, `refused`, `undone` or `stuck`.
  public var result: String { report.result.name.description }
  /// `operator`, `hint` or `policy`.
  public var reason: String { report.reason.name.description }
  /// From first to last step.
  public var microseconds: Double { Double(report.nanoseconds) / 1000 }
  /// How long it waited for CPUs to leave a slow path.
  public var drainMicroseconds: Double {
    (0..<report.stepCount).reduce(0) { sum, index in
      let step = report.step(index)
      guard case .drain = step.kind else { return sum }
      return sum + Double(step.nanoseconds) / 1000
    }
  }
  /// How many pokes of sites there were.
  public var sites: Int { Int(report.sites) }
  /// How many breakpoints CPUs hit while it lasted.
  public var breakpoints: Int { Int(report.breakpoints) }
  /// The longest time a CPU was stalled by it, in microseconds.
  public var longestStall: Double { Double(report.stallNanoseconds) / 1000 }
}

extension GuestShell {
  /// Reads a file of the guest that holds one JSON object.
  func decode<Value: Decodable>(cat file: String) async throws(GuestError) -> Value {
    let text = try await read(file)
    do {
      return try JSONDecoder().decode(Value.self, from: Data(text.utf8))
    } catch {
      throw .unexpectedOutput(command: "cat \(file)", output: text)
    }
  }
}
