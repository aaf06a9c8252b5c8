import Glibc

/// The machine code of the running program, function by function, as objdump shows it.
public struct Disassembly: Sendable {
  /// One machine instruction.
  public struct Instruction: Sendable {
    /// Its place in the file's own addresses.
    public var address: UInt
    /// Its bytes.
    public var bytes: [UInt8]
    /// What objdump calls it.
    public var text: String

    /// The function that a direct call or jump leads to; nil for other instructions, and for jumps
    /// within a function.
    public var target: String? {
      guard isCall || isJump, !isIndirect, let open = text.lastIndex(of: "<") else { return nil }
      let name = text[text.index(after: open)...].dropLast()
      return name.contains("+") ? nil : String(name)
    }

    /// Whether it calls something.
    public var isCall: Bool {
      bytes.first == 0xe8 || (isIndirect && bytes[opcode + 1] & 0x38 == 0x10)
    }
    /// Whether it jumps in any case.
    public var isJump: Bool {
      bytes.first == 0xe9 || bytes.first == 0xeb || (isIndirect && !isCall)
    }
    /// Whether it jumps or not.
    public var isBranch: Bool {
      let first = bytes.first ?? 0
      return first & 0xf0 == 0x70 || (first == 0x0f && bytes[1] & 0xf0 == 0x80)
    }
    /// Whether its target comes from a register or from memory: `ff /2`, `ff /4`.
    public var isIndirect: Bool {
      guard bytes.count > opcode + 1, bytes[opcode] == 0xff else { return false }
      return [0x10, 0x20].contains(bytes[opcode + 1] & 0x38)
    }
    /// Whether it is `lock cmpxchg` of a byte: `f0 [prefix] 0f b0`.
    public var isLockedCompareExchange: Bool {
      bytes.first == 0xf0 && bytes.dropFirst().prefix(3).contains(0xb0)
    }
    /// Whether it returns.
    public var isReturn: Bool { bytes.first == 0xc3 }

    /// Where the opcode is, after a prefix.
    private var opcode: Int { (bytes.first ?? 0) & 0xf0 == 0x40 || bytes.first == 0x2e ? 1 : 0 }
  }

  /// Instructions by the name of their function.
  public let functions: [String: [Instruction]]

  /// Disassembles the running program.
  ///
  /// Nil if there is no objdump; the toolchain has one.
  public init?() {
    guard let text = Disassembly.run("llvm-objdump -d") ?? Disassembly.run("objdump -d"),
      let symbols = Disassembly.run("llvm-nm -S") ?? Disassembly.run("nm -S")
    else { return nil }
    let ends = Disassembly.ends(symbols)
    // Where the function ends; what follows it may be one without a symbol.
    var end: UInt?
    var functions: [String: [Instruction]] = [:]
    var name = ""
    var instructions: [Instruction] = []
    for line in text.split(separator: UInt8(ascii: "\n")) {
      if line.first != UInt8(ascii: " "), line.last == UInt8(ascii: ":") {
        // Local functions of several files may have one name.
        functions[name, default: []] += instructions
        let heading = String(decoding: line, as: UTF8.self)
        name = String(heading.dropFirst(heading.prefix { $0 != "<" }.count + 1).dropLast(2))
        instructions = []
        end = UInt(heading.prefix { $0 != " " }, radix: 16).flatMap { ends[$0] }
      } else if var instruction = Disassembly.parse(line),
        instruction.address < end ?? .max
      {
        // Some versions show a prefix as an instruction of its own.
        if let prefix = instructions.last, prefix.bytes == [0xf0] {
          instructions.removeLast()
          instruction.address = prefix.address
          instruction.bytes.insert(0xf0, at: 0)
        }
        instructions.append(instruction)
      }
    }
    functions[name, default: []] += instructions
    self.functions = functions
  }

  /// Where functions end, by where they begin: "0000000000474ee0 0000000000000081 t name".
  ///
  /// Those written in assembly may have no size.
  private static func ends(_ symbols: [UInt8]) -> [UInt: UInt] {
    var ends: [UInt: UInt] = [:]
    for line in symbols.split(separator: UInt8(ascii: "\n")) {
      let words = line.split(separator: UInt8(ascii: " ")).map {
        String(decoding: $0, as: UTF8.self)
      }
      guard words.count >= 4, let start = UInt(words[0], radix: 16),
        let size = UInt(words[1], radix: 16), size > 0
      else { continue }
      ends[start] = max(ends[start] ?? 0, start + size)
    }
    return ends
  }

  // "   48fa1: 48 89 e5    movq %rsp, %rbp"
  private static func parse(_ line: ArraySlice<UInt8>) -> Instruction? {
    guard let colon = line.firstIndex(of: UInt8(ascii: ":")),
      let address = UInt(
        String(decoding: line[..<colon], as: UTF8.self).filter { $0 != " " }, radix: 16)
    else { return nil }
    let rest = line[(colon + 1)...]
    let words = rest.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
    let bytes = words.prefix { $0.count == 2 }.map { word in
      UInt8(String(decoding: word, as: UTF8.self), radix: 16)
    }.prefix { $0 != nil }.compactMap { $0 }
    let text = words.dropFirst(bytes.count).map { String(decoding: $0, as: UTF8.self) }
    return bytes.isEmpty
      ? nil : Instruction(address: address, bytes: bytes, text: text.joined(separator: " "))
  }

  private static func run(_ program: String) -> [UInt8]? {
    // The shell's own /proc/self is another. Literals and strings are terminated.
    guard let pipe = unsafe popen("\(program) /proc/\(getpid())/exe 2>/dev/null", "r") else {
      return nil
    }
    var text: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 20)
    while true {
      // Reads no more than the chunk holds.
      let got = unsafe fread(&chunk, 1, chunk.count, pipe)
      if got == 0 { break }
      text += chunk[..<got]
    }
    return unsafe pclose(pipe) == 0 && !text.isEmpty ? text : nil
  }
}
