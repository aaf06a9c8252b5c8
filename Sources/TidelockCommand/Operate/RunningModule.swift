import ELFReader
import Foundation
import GuestTestBed

/// The module in the running kernel, by its files in /sys/kernel/tidelock (Guest/ABI.md).
public struct RunningModule {
  /// Where those files are.
  public let folder: String

  /// The loaded module.
  ///
  /// - Parameter root: Stands for `/`, in tests.
  /// - Throws: `notLoaded`.
  public init(root: String = "") throws(OperatorError) {
    folder = root + "/sys/kernel/tidelock"
    guard Self.isLoaded(root: root) else { throw .notLoaded }
  }

  /// Whether it is loaded.
  public static func isLoaded(root: String = "") -> Bool {
    FileManager.default.fileExists(atPath: root + "/sys/kernel/tidelock/status")
  }

  /// The version of the module that is loaded.
  public static func version(root: String = "") -> String? {
    let path = root + "/sys/module/tidelock/version"
    return (try? readKernelFile(path)).map {
      String(decoding: $0, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }
  }

  /// A sentence about a loaded module whose version differs from this command's.
  ///
  /// An upgrade does not disturb running locks, so the new module is loaded when that is requested.
  public static func otherVersion(root: String = "") -> String? {
    let installed = TidelockProgram.version
    guard let version = version(root: root), version != installed else { return nil }
    return "version \(version) is loaded, and \(installed) comes with the next boot or"
      + " `systemctl restart tidelock`"
  }

  /// What `status` says, in its order.
  public func status() throws(OperatorError) -> [(name: String, value: String)] {
    try read("status").split(separator: "\n").compactMap { line in
      let parts = line.split(separator: ":", maxSplits: 1)
      guard parts.count == 2 else { return nil }
      return (String(parts[0]), parts[1].trimmingCharacters(in: .whitespaces))
    }
  }

  /// One value of `status`.
  public func status(_ name: String) throws(OperatorError) -> String? {
    try status().first { $0.name == name }?.value
  }

  /// The counters of one line of `status`, such as `done=3 refused=0`.
  public func counters(_ name: String) throws(OperatorError) -> [(name: String, count: Int)] {
    (try status(name) ?? "").split(separator: " ").compactMap { word in
      let parts = word.split(separator: "=")
      guard parts.count == 2, let count = Int(parts[1]) else { return nil }
      return (String(parts[0]), count)
    }
  }

  /// The report of the last switch; nil before the first.
  ///
  /// Waits for a switch under way.
  public func lastSwitch() throws(OperatorError) -> GuestSwitchReport? {
    let text = try read("last_switch")
    return try? JSONDecoder().decode(GuestSwitchReport.self, from: Data(text.utf8))
  }

  /// What one of the module's files holds.
  public func read(_ name: String) throws(OperatorError) -> String {
    let path = "\(folder)/\(name)"
    do {
      return String(decoding: try readKernelFile(path), as: UTF8.self)
        .trimmingCharacters(in: .whitespacesAndNewlines)
    } catch {
      throw .kernelFile(error)
    }
  }

  /// Whether the module has such a file; older ones lack newer ones.
  public func has(_ name: String) -> Bool {
    FileManager.default.fileExists(atPath: "\(folder)/\(name)")
  }

  /// Switches to a set, or hands control to the policy, and returns when that is done.
  ///
  /// - Parameter choice: A set's name pins that set; `auto`, `hint` and `off` are the policy's.
  /// - Throws: An error that says why it was not done.
  public func choose(_ choice: String) throws(OperatorError) {
    if ["auto", "hint", "off"].contains(choice) {
      guard has("policy") else { throw .noPolicy }
      let code = write(choice, to: "policy")
      if code != 0 { throw error(code, choice, "policy", refusedBefore: 0) }
      return
    }
    let refused = try refusals()
    let code = write(choice, to: "set")
    if code != 0 { throw error(code, choice, "set", refusedBefore: refused) }
  }

  /// Writes one of the settings that switch nothing, such as `time_limit`.
  func write(_ value: String, toSetting name: String) throws(OperatorError) {
    let code = write(value, to: name)
    if code != 0 { throw error(code, value, name, refusedBefore: 0) }
  }

  /// Writes one value with one call, as the kernel requires; 0 or the error's number.
  private func write(_ value: String, to name: String) -> CInt {
    // SAFETY: the path is a C string for the time of the call.
    let file = unsafe open("\(folder)/\(name)", O_WRONLY | O_CLOEXEC)
    guard file >= 0 else { return errno }
    defer { close(file) }
    let bytes = Array(value.utf8)
    // SAFETY: reads as many bytes as the array has.
    return unsafe Glibc.write(file, bytes, bytes.count) == bytes.count ? 0 : errno
  }

  private func refusals() throws(OperatorError) -> Int {
    try counters("switches").first { $0.name == "refused" }?.count ?? 0
  }

  /// What the error of a write to a file means (Guest/ABI.md).
  private func error(
    _ code: CInt, _ value: String, _ name: String, refusedBefore: Int
  ) -> OperatorError {
    let path = "\(folder)/\(name)"
    switch code {
    case EPERM, EACCES: return .notPermitted(file: path)
    case EINVAL: return .notAccepted(value: value, file: path)
    case EBUSY:
      let blocker = (try? status("blocked_by")) ?? "nothing"
      if blocker != "nothing" { return .blocked(module: blocker) }
      // A refused switch was counted; a writer that met another one was not.
      guard let now = try? refusals(), now > refusedBefore else { return .underWay }
      return .refused(reason: lastError)
    case ETIME, EAGAIN: return .undone(reason: lastError)
    case EIO: return .stuck(reason: lastError)
    default: return .refused(reason: systemReason(code: code))
    }
  }

  private var lastError: String {
    ((try? lastSwitch()) ?? nil)?.error ?? "the kernel's log says why"
  }
}
