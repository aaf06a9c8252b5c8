import Foundation

/// `tidelock.ko` in a guest: the files in /sys/kernel/tidelock.
public struct GuestSwitcher: Sendable {
  static let folder = "/sys/kernel/tidelock"
  private let shell: GuestShell

  /// Loads the module; the guest must hold it and its table in its root folder (``files(_:)``).
  ///
  /// - Throws: ``GuestError``; the kernel's log says why the module did not load.
  public static func load(in shell: GuestShell) async throws(GuestError) -> GuestSwitcher {
    try await shell.run("insmod /tidelock.ko sites=/sites")
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

  /// The report of the last switch that was asked for.
  public var lastSwitch: GuestSwitchReport {
    get async throws(GuestError) { try await shell.decode(cat: "\(Self.folder)/last_switch") }
  }

  /// Removes the module, which puts everything back first.
  public func unload(limit: Duration = .seconds(60)) async throws(GuestError) {
    try await shell.run("rmmod tidelock", limit: limit)
  }
}

/// What the kernel says about a switch.
public struct GuestSwitchReport: Codable, Equatable, Sendable {
  /// The set that was in force.
  public let from: String
  /// The set that was wanted.
  public let to: String
  /// `staged`.
  public let `protocol`: String
  /// `done`, `unchanged`, `refused`, `undone` or `stuck`.
  public let result: String
  /// `operator`, `hint` or `policy`.
  public let reason: String
  /// From first to last step.
  public let microseconds: Double
  /// How many sites were poked, each counted once for each time.
  public let sites: Int
  /// How many breakpoints CPUs met while it lasted.
  public let breakpoints: Int
  /// The longest time a CPU was held up by it.
  public let longestStall: Double
  /// The steps that were done.
  public let steps: [Step]
  /// Why it failed.
  public let error: String?

  /// One step: a poke or a drain.
  public struct Step: Codable, Equatable, Sendable {
    /// The operation that was poked.
    public let poke: String?
    /// The slow path that was drained.
    public let drain: String?
    /// What the sites held before.
    public let from: String?
    /// What they hold now.
    public let to: String?
    /// How long it took.
    public let microseconds: Double
    /// How many sites it poked.
    public let sites: Int
  }

  enum CodingKeys: String, CodingKey {
    case from, to, `protocol`, result, reason, microseconds, sites, breakpoints, steps, error
    case longestStall = "longest_stall_microseconds"
  }
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
