import ArgumentParser
import Foundation
import KernelImages
import LockPlatform
import Runs

/// `tidelock guest verify`: looks at the text in the memory of the kernel that runs, and at every patch
/// site.
struct GuestVerifyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Compare the running kernel's text with its boot image, byte for byte.",
    discussion: """
      Reads the text through /proc/kcore. What the kernel patches by its own tables (alternatives, \
      static keys and calls, the function tracer, mitigations) may differ from the image; everything \
      else may not, so a kprobe is found. Also says what the sites of each lock operation hold, which \
      must be the same at all of them. Works with or without the module loaded, and changes nothing.
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
    let vmlinux = try await withNotice("Unpacking \(image) ...") {
      try await KernelImage.unpacked(path: image)
    }
    let kernel = try KernelImage(vmlinux: vmlinux, file: image)
    let symbols = try LiveSymbols(path: "/proc/kallsyms")
    let memory = try KernelMemory(path: "/proc/kcore")
    let text = try KernelText(vmlinux: vmlinux, file: image, symbols.marks)
    let sites = try SiteSurvey(kernel.sites.map { ($0.operation, UInt64($0.offset)) }, symbols) {
      try memory.read($0, count: 6)
    }
    let found = TextVerdict(
      sites, text, text.differences(in: try memory.read(symbols.text, count: text.size)), symbols)
    if json {
      try Output.standard.write(jsonText(found, isSnakeCase: false))
    } else {
      for line in found.lines { print(line) }
    }
    if !found.isWhole { throw ExitCode(1) }
  }
}

/// What was found in the running kernel's text.
public struct TextVerdict: Encodable {
  /// Bytes that differ although no table of the kernel names them.
  struct Difference: Encodable {
    /// Function and distance, or an address.
    let place: String
    let image: String
    let memory: String
  }

  let operations: [SiteSurvey.Operation]
  /// Bytes of the kernel's text, and how many of them were compared.
  let textBytes: Int
  let comparedBytes: Int
  let differences: [Difference]
  /// Whether all sites of each operation hold the same, and nothing differs.
  public let isWhole: Bool
  private let sites: SiteSurvey

  /// Combines the two.
  public init(
    _ sites: SiteSurvey, _ text: KernelText, _ found: [KernelText.Difference],
    _ symbols: LiveSymbols
  ) {
    self.sites = sites
    operations = sites.operations
    (textBytes, comparedBytes) = (text.size, text.compared)
    differences = found.map {
      Difference(
        place: symbols.place(of: $0.address), image: hexadecimal($0.image, separator: " "),
        memory: hexadecimal($0.memory, separator: " "))
    }
    isWhole = sites.isWhole && found.isEmpty
  }

  private enum CodingKeys: String, CodingKey {
    case operations, textBytes, comparedBytes, differences, isWhole
  }

  /// For people; only the first of many differences.
  public var lines: [String] {
    let shown = differences.prefix(20).map {
      "\($0.place): the image has \($0.image), memory \($0.memory)"
    }
    let more = differences.count - shown.count
    let compared =
      "\(comparedBytes.formatted()) of \(textBytes.formatted()) bytes of text compared, those that the"
      + " kernel patches by its own tables left out: "
    return sites.lines + shown + (more > 0 ? ["... and \(more) more"] : []) + [
      compared
        + (differences.isEmpty
          ? "all as in the image."
          : "\(differences.count) \(differences.count == 1 ? "place differs" : "places differ"); a kprobe"
            + " or another patch is there that no table names.")
    ]
  }
}

/// What the sites of each operation hold.
public struct SiteSurvey: Encodable {
  /// One operation.
  struct Operation: Encodable {
    let operation: String
    /// How many sites hold each instruction: its bytes, or `call` and a function's name.
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
