import ELFReader
import Foundation

/// What /etc/tidelock.conf says: `key = value` lines, `#` begins a comment.
public struct OperatorConfiguration: Equatable {
  /// What asks for switches.
  public enum Policy: String, CaseIterable { case auto, hint, off }
  /// The set to switch to once the module is loaded.
  public enum StartSet: String, CaseIterable {
    case boot, native, paravirtual
    case testAndSet = "test-and-set"
  }

  /// `policy`; a module without a policy takes `off` only.
  public var policy = Policy.hint
  /// `set`; any set but `boot` is pinned, whatever `policy` says.
  public var set = StartSet.boot
  /// `time_limit`: milliseconds after which a switch is undone; nil leaves the module's own.
  public var timeLimit: Int?
  /// `metrics`: the file for node_exporter's textfile collector; nil writes none.
  public var metrics: String?

  /// Where it is.
  public static let path = "/etc/tidelock.conf"

  /// The defaults, which hold where there is no file.
  public init() {}

  /// Reads a file; a missing one counts as empty.
  public init(path: String) throws {
    guard FileManager.default.fileExists(atPath: path) else {
      self.init()
      return
    }
    let text: String
    do {
      text = String(decoding: try Data(contentsOf: URL(fileURLWithPath: path)), as: UTF8.self)
    } catch {
      throw OperatorError.unreadable(file: path, reason: systemReason(of: error))
    }
    try self.init(text, path: path)
  }

  /// Reads a file's text.
  public init(_ text: String, path: String) throws(ConfigurationError) {
    var seen: Set<String> = []
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated() {
      let content = line.prefix { $0 != "#" }.trimmingCharacters(in: .whitespaces)
      guard !content.isEmpty else { continue }
      let place = "\(path):\(index + 1)"
      let parts = content.split(separator: "=", maxSplits: 1).map {
        $0.trimmingCharacters(in: .whitespaces)
      }
      guard parts.count == 2, !parts[1].isEmpty else {
        throw ConfigurationError(place: place, fault: "'\(content)' is not 'key = value'")
      }
      let (key, value) = (parts[0], parts[1])
      guard seen.insert(key).inserted else {
        throw ConfigurationError(place: place, fault: "\(key) has been given before")
      }
      switch key {
      case "policy": policy = try Self.choice(value, key, place)
      case "set": set = try Self.choice(value, key, place)
      case "time_limit":
        guard let limit = Int(value), (1...600_000).contains(limit) else {
          throw ConfigurationError(
            place: place,
            fault: "time_limit is '\(value)'; it can be 1 to 600000, in milliseconds")
        }
        timeLimit = limit
      case "metrics":
        guard value == "off" || value.hasPrefix("/") else {
          throw ConfigurationError(
            place: place, fault: "metrics is '\(value)'; it can be off or an absolute path")
        }
        metrics = value == "off" ? nil : value
      default:
        throw ConfigurationError(
          place: place,
          fault: "there is no key '\(key)'; there are policy, set, time_limit and metrics")
      }
    }
  }

  private static func choice<Choice: RawRepresentable & CaseIterable>(
    _ value: String, _ key: String, _ place: String
  ) throws(ConfigurationError) -> Choice where Choice.RawValue == String {
    if let choice = Choice(rawValue: value) { return choice }
    let names = Choice.allCases.map(\.rawValue)
    throw ConfigurationError(
      place: place,
      fault: "\(key) is '\(value)'; it can be "
        + names.dropLast().joined(separator: ", ") + " or \(names.last ?? "")")
  }
}

/// What is wrong in a configuration, and in which line.
public struct ConfigurationError: Error, Equatable, CustomStringConvertible {
  /// File and line.
  public let place: String
  /// What is wrong there.
  public let fault: String

  /// Both, as one sentence.
  public var description: String { "\(place): \(fault)." }
}
