import ELFReader
import Foundation
import KernelImages
import Subprocess
import SystemPackage

/// Loads the installed module into the running kernel and removes it.
struct ModuleLoader {
  /// Where the table lies while the module is loaded.
  let folder = "/run/tidelock"
  /// The kernel that runs.
  let release: String

  init() {
    var name = utsname()
    // SAFETY: fills the whole struct; release is text that a zero byte ends, in 65 bytes.
    release = unsafe withUnsafeMutablePointer(to: &name) { name in
      unsafe uname(name)
      return unsafe withUnsafeBytes(of: name.pointee.release) {
        unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
    }
  }

  /// Loads the module if it is not loaded, and applies a configuration; says what is in force.
  mutating func start(_ configuration: OperatorConfiguration) async throws -> String {
    guard geteuid() == 0 else { throw OperatorError.notPermitted(file: "modprobe") }
    let wasLoaded = RunningModule.isLoaded()
    if !wasLoaded { try await insert() }
    let module = try RunningModule()
    try apply(configuration, to: module)
    let set = try module.read("set")
    let policy = module.has("policy") ? try module.read("policy") : "none"
    let how = wasLoaded ? "was loaded already in" : "loaded into"
    let other = RunningModule.otherVersion().map { "; \($0)" } ?? ""
    return "tidelock: \(how) Linux \(release); set \(set), policy \(policy)\(other)"
  }

  /// Applies the configuration, in an order that leaves the operator's choice in force.
  func apply(_ configuration: OperatorConfiguration, to module: RunningModule) throws {
    // What would be refused must be refused before anything is changed.
    let hasPolicy = module.has("policy")
    guard hasPolicy || configuration.policy != .auto else { throw OperatorError.noPolicy }
    if let limit = configuration.timeLimit { try module.write("\(limit)", toSetting: "time_limit") }
    if hasPolicy { try module.choose(configuration.policy.rawValue) }
    switch configuration.set {
    case .boot: break
    case .native, .paravirtual, .testAndSet: try module.choose(configuration.set.rawValue)
    }
  }

  /// Puts the boot set back and removes the module; if it is not loaded, that is no error.
  func stop() async throws -> String {
    guard RunningModule.isLoaded() else { return "tidelock: not loaded" }
    guard geteuid() == 0 else { throw OperatorError.notPermitted(file: "rmmod") }
    let module = try RunningModule()
    if module.has("policy") { try module.choose("off") }
    let settled = try module.status("settled") != "no"
    if let bootSet = try module.status("boot_set"), try module.read("set") != bootSet || !settled {
      try module.choose(bootSet)
    }
    let (succeeded, output) = try await Self.run("rmmod", ["tidelock"])
    guard succeeded else { throw OperatorError.notRemoved(reason: output) }
    try? FileManager.default.removeItem(atPath: "\(folder)/sites")
    // Only if nothing else is there, and unless it is the service's, which removes it itself.
    // SAFETY: the path is a C string for the time of the call.
    unsafe rmdir(folder)
    return "tidelock: removed, the boot set is in force"
  }

  private func insert() async throws {
    let image = "/boot/vmlinuz-\(release)"
    guard FileManager.default.fileExists(atPath: image) else {
      throw OperatorError.noImage(path: image, release: release)
    }
    let table = try await KernelImage(path: image).siteTable()
    let place = "\(folder)/sites"
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      try Data(table).write(to: URL(fileURLWithPath: place), options: .atomic)
    } catch {
      throw GuestSitesError.notWritten(path: place, reason: systemReason(of: error))
    }
    let log = KernelLogReader()
    let (succeeded, output) = try await Self.run("modprobe", ["tidelock", "sites=\(place)"])
    guard succeeded else {
      // The module's own reason is better than modprobe's, if it got that far.
      let reason = log.last(containing: "tidelock: not loaded")
      throw OperatorError.notInserted(reason: reason ?? output)
    }
  }

  /// Runs one of kmod's programs; whether it succeeded, and what it said.
  private static func run(
    _ name: String, _ arguments: [String]
  ) async throws -> (succeeded: Bool, output: String) {
    do {
      let result = try await Subprocess.run(
        .name(name), arguments: Arguments(arguments), output: .discarded,
        error: .string(limit: 1 << 16))
      let text = result.standardError.trimmingCharacters(in: .whitespacesAndNewlines)
      return (result.terminationStatus.isSuccess, text)
    } catch {
      throw OperatorError.noTool(name: name, reason: "\(error)")
    }
  }
}

/// The kernel's log from now on, as /dev/kmsg gives it: one record a read.
private struct KernelLogReader: ~Copyable {
  private let file: CInt

  /// Begins after what is there already, which may be of another attempt.
  init() {
    // SAFETY: the path is a C string.
    file = unsafe open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC)
    if file >= 0 { lseek(file, 0, SEEK_END) }
  }

  deinit { if file >= 0 { close(file) } }

  /// The text of the last record since then that contains some words.
  func last(containing words: String) -> String? {
    guard file >= 0 else { return nil }
    var found: String?
    var buffer = [UInt8](repeating: 0, count: 8192)
    while true {
      // SAFETY: reads no more than the array has.
      let count = unsafe read(file, &buffer, buffer.count)
      // A record that was overwritten meanwhile is EPIPE; the next one follows.
      if count < 0 && errno == EPIPE { continue }
      guard count > 0 else { return found }
      let record = String(decoding: buffer[..<count], as: UTF8.self)
      // Level, number, time and flags end at the first semicolon; further lines are properties.
      guard let start = record.firstIndex(of: ";") else { continue }
      let text = record[record.index(after: start)...].prefix { $0 != "\n" }
      if text.contains(words) { found = String(text) }
    }
  }
}
