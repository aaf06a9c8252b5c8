import ArgumentParser
import Foundation
import KernelImages
import LockPlatform

/// `tidelock guest verify`: looks at every patch site in the memory of the kernel that runs.
struct GuestVerifyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Compare the lock operations in the running kernel's memory with its boot image.",
    discussion: """
      Reads every patch site through /proc/kcore and says what each operation's sites hold. All sites \
      of an operation must hold the same. Works with the module loaded or not, and changes nothing.
      """
  )

  @Flag(help: "Print one JSON object.")
  var json = false

  func run() async throws {
    let release = ModuleLoader().release
    let image = "/boot/vmlinuz-\(release)"
    guard FileManager.default.fileExists(atPath: image) else {
      throw OperatorError.noImage(path: image, release: release)
    }
    let kernel = try await withNotice("Unpacking \(image) ...") {
      try await KernelImage(path: image)
    }
    let symbols = try LiveSymbols(path: "/proc/kallsyms")
    let memory = try KernelMemory(path: "/proc/kcore")
    let found = try SiteSurvey(kernel.sites.map { ($0.operation, UInt64($0.offset)) }, symbols) {
      try memory.read($0, count: 6)
    }
    if json {
      try StandardOutput.write(prettyJSON(found))
    } else {
      for line in found.lines { print(line) }
    }
    if !found.isWhole { throw ExitCode(1) }
  }
}

/// What the sites of each operation hold.
public struct SiteSurvey: Encodable {
  /// One operation.
  struct Operation: Encodable {
    let operation: String
    /// How many sites hold what: an instruction's bytes, or `call` and a function's name.
    let holds: [String: Int]
  }

  let operations: [Operation]
  /// Whether all sites of each operation hold the same.
  public let isWhole: Bool

  /// Reads every site.
  ///
  /// - Parameters:
  ///   - sites: Their operations, and offsets from `_text`.
  ///   - symbols: Of the kernel that runs.
  ///   - read: The six bytes at an address.
  /// - Throws: What `read` throws.
  public init(
    _ sites: [(operation: LockOperation, offset: UInt64)], _ symbols: LiveSymbols,
    read: (UInt64) throws -> [UInt8]
  ) throws {
    var holds: [String: [String: Int]] = [:]
    for (operation, offset) in sites {
      let address = symbols.text &+ offset
      let bytes = try read(address)
      holds["\(operation.name)", default: [:]][
        Self.instruction(bytes, at: address, symbols), default: 0] += 1
    }
    operations = LockOperation.all.indices.compactMap { index in
      let name = "\(LockOperation.all[index].name)"
      return holds[name].map { Operation(operation: name, holds: $0) }
    }
    isWhole = operations.allSatisfy { $0.holds.count == 1 }
  }

  /// A `call` by the name of its target; anything else by its bytes.
  private static func instruction(
    _ bytes: [UInt8], at address: UInt64, _ symbols: LiveSymbols
  ) -> String {
    guard bytes.count == 6, bytes[0] == 0xe8 else { return hexadecimal(bytes, separator: " ") }
    let distance = bytes[1...4].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    let target = address &+ 5 &+ UInt64(bitPattern: Int64(Int32(bitPattern: distance)))
    return "call \(symbols.name(of: target) ?? "0x" + String(target, radix: 16))"
  }

  /// For people.
  public var lines: [String] {
    operations.flatMap { operation in
      operation.holds.sorted { ($0.value, $1.key) > ($1.value, $0.key) }.map {
        "\(operation.operation): \($0.value) \($0.value == 1 ? "site holds" : "sites hold") \($0.key)"
      }
    } + [
      isWhole
        ? "All sites of each operation hold the same."
        : "Sites of one operation differ: a switch is under way, or something else has changed them;"
          + " `tidelock guest status` says which set is in force."
    ]
  }
}
