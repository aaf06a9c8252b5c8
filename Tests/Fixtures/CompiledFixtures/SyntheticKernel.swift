/// Assembler source of a tiny ELF file with the tables of a Linux kernel.
///
/// Its `pv_ops` has eight slots, of which 3 to 7 are the lock operations, as they are in real ones.
public struct SyntheticKernel {
  /// How the kernel lists its paravirtual calls.
  public enum Tables: Sendable, CaseIterable {
    /// `.parainstructions`, 12-byte alternatives, symbol addresses before the names: Linux 6.1.
    case separate
    /// 14-byte alternatives only, symbol addresses behind the tokens: Linux 6.12.
    case alternatives
  }

  /// A call through `pv_ops`.
  public struct Call: Sendable {
    /// Bytes from the start of its section.
    public let offset: UInt32
    /// The index in `pv_ops`.
    public let slot: Int
    /// The function around it, and where that begins.
    public let function: (name: String, start: UInt32)
    /// The section it is in.
    public let section: String

    var label: String { "call\(section.replacing(".", with: "_"))_\(offset)" }
  }

  /// What the kernel calls itself.
  public static let release = "6.1.0-test-amd64"
  /// Likewise, the build.
  public static let version = "#1 SMP PREEMPT_DYNAMIC Test 6.1 (2020-01-01)"
  /// Its build id, as the linker takes it.
  public static let buildID = "0badcafe01"

  /// All calls through `pv_ops`, sorted; one of them in code that is gone after boot.
  public static let calls: [Call] = [
    Call(offset: 0x20, slot: 4, function: ("unlock", 0x20), section: ".text"),
    Call(offset: 0x28, slot: 1, function: ("unlock", 0x20), section: ".text"),
    Call(offset: 0x30, slot: 3, function: ("lock", 0x2f), section: ".text"),
    Call(offset: 0x44, slot: 5, function: ("halt", 0x40), section: ".text"),
    Call(offset: 0x50, slot: 6, function: ("wake", 0x50), section: ".text"),
    Call(offset: 0x60, slot: 7, function: ("spin", 0x58), section: ".text"),
    Call(offset: 0x66, slot: 7, function: ("spin", 0x58), section: ".text"),
    Call(offset: 0x10, slot: 3, function: ("boot", 0x00), section: ".init.text"),
  ]

  /// The source; edit it to get a kernel with something wrong.
  public var source: String

  /// A sound kernel.
  public init(_ tables: Tables) {
    var lines: [String] = []
    for section in [".text", ".init.text"] {
      lines += [".section \(section), \"ax\", @progbits", ".fill 16, 1, 0x90"]
      if section == ".text" { lines += [".globl _start", "_start:"] }
      for call in Self.calls where call.section == section {
        lines += [".org \(call.offset)", "\(call.label): call *pv_ops + \(8 * call.slot)(%rip)"]
      }
      lines += [".org 0x100"]
    }
    // Listed out of order, as in real kernels.
    for call in Self.calls.reversed() { lines += Self.entries(for: call, tables) }
    lines += [
      ".data", ".balign 8", "pv_ops: .fill 8, 8, 0",
      ".section .altinstr_replacement, \"ax\", @progbits",
      "store: movb $0, (%rdi)", "clear: xor %rax, %rax", "direct: .byte 0xe8, 0, 0, 0, 0",
      ".section .rodata, \"a\", @progbits",
      // The draft of the banner that real kernels hold as well.
      ".ascii \"Linux version \(Self.release) (b@h) (cc (Test #3) 12, ld) # SMP draft\\n\\0\"",
      ".ascii \"Linux version \(Self.release) (b@h) (cc (Test #3) 12, ld) \(Self.version)\\n\\0\"",
    ]
    lines += Self.symbolTables(tables)
    source = lines.joined(separator: "\n") + "\n"
  }

  /// Links the kernel and returns the path of its vmlinux.
  ///
  /// - Parameters:
  ///   - fixture: Where to.
  ///   - options: For the linker, beyond the usual.
  /// - Returns: The path of the file.
  /// - Throws: ``ProgramFailed``.
  public func link(in fixture: CompiledFixture, _ options: [String] = []) throws -> String {
    // Real kernels have a script, too: `.text` comes first, where `_text` is.
    let script = try fixture.write(
      Array("SECTIONS { .text 0x1000000 : { *(.text) } }\n".utf8), to: "vmlinux.lds")
    return try fixture.compile(
      source, to: "vmlinux",
      ["-nostdlib", "-static", "-Wl,-s", "-Wl,-T,\(script)", "-Wl,--build-id=0x\(Self.buildID)"]
        + options, suffix: ".s")
  }

  private static func entries(for call: Call, _ tables: Tables) -> [String] {
    let native: (replacement: String, feature: Int)? =
      switch call.slot {
      case 4: ("store", 0x114)
      case 7: ("clear", 0x115)
      default: nil
      }
    var lines: [String] = []
    func alternative(_ replacement: String, _ length: Int, feature: Int, flags: Int) {
      lines += [
        ".section .altinstructions, \"a\", @progbits",
        ".long \(call.label) - .", ".long \(replacement) - .",
      ]
      switch tables {
      // The only flag of the old format is the top bit of the feature.
      case .separate: lines += [".short \(feature | (flags & 1) << 15)"]
      case .alternatives: lines += [".short \(feature), \(flags)"]
      }
      lines += [".byte 6, \(length)"]
    }
    switch tables {
    case .separate:
      lines += [
        ".section .parainstructions, \"a\", @progbits", ".balign 8", ".quad \(call.label)",
        ".byte \(call.slot), 6", ".balign 8",
      ]
    case .alternatives:
      alternative("direct", 5, feature: 0x75, flags: 2)
    }
    if let native { alternative(native.replacement, 3, feature: native.feature, flags: 1) }
    return lines
  }

  /// The tables of kallsyms: each token one letter, and enough names to need a second marker.
  private static func symbolTables(_ tables: Tables) -> [String] {
    var symbols: [(name: String, start: UInt32)] = [("T_text", 0)]
    for call in calls where call.section == ".text" && symbols.last?.start != call.function.start {
      symbols.append(("t" + call.function.name, call.function.start))
    }
    symbols += (0..<300).map { ("ddata\($0)", 0x1000 + UInt32($0)) }

    func bytes(_ values: some Sequence<UInt8>) -> String {
      ".byte " + values.map(String.init).joined(separator: ", ")
    }
    let addresses =
      [".balign 8"] + symbols.map { ".long \(-1 - Int($0.start))" }
      + [".balign 8", ".quad 0x1000000"]
    let names = symbols.map { bytes([UInt8($0.name.utf8.count)] + Array($0.name.utf8)) }
    let markers = stride(from: 0, to: symbols.count, by: 256).map { start in
      ".long \(symbols[..<start].reduce(0) { $0 + 1 + $1.name.utf8.count })"
    }
    // Token 0 is never used, and no letter may be a string's end.
    let tokens = (0..<256).map { bytes([UInt8(max($0, 1)), 0]) }
    let index = (0..<256).map { ".short \(2 * $0)" }
    let rest =
      [".balign 8", ".long \(symbols.count)", ".balign 8"] + names + [".balign 8"] + markers
      + [".balign 8"] + tokens + [".balign 8"] + index
    return tables == .separate ? addresses + rest : rest + addresses
  }
}
