import ELFReader
import Foundation
import KernelImages

/// The memory of the running kernel, as /proc/kcore shows it: an ELF core file that covers it.
struct KernelMemory: ~Copyable {
  private let path: String
  private let file: CInt
  private let segments: [(address: UInt64, size: UInt64, offset: UInt64)]

  /// Opens it and reads where what is (ELF-64 object file format: header, program headers).
  init(path: String) throws(OperatorError) {
    self.path = path
    // SAFETY: the path is a C string for the time of the call.
    file = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else {
      throw errno == EPERM || errno == EACCES
        ? .notPermitted(file: path)
        : .unreadable(file: path, reason: systemReason(code: errno))
    }
    let header = Self.bytes(file, at: 0, count: 64)
    guard header.starts(with: [0x7f, 0x45, 0x4c, 0x46, 2, 1]) else {
      close(file)
      throw .unreadable(file: path, reason: "it is no 64-bit ELF core file")
    }
    let (start, size, count) = (header.word(32, 8), header.word(54, 2), header.word(56, 2))
    var segments: [(address: UInt64, size: UInt64, offset: UInt64)] = []
    for index in 0..<count {
      let entry = Self.bytes(file, at: start &+ index &* size, count: 56)
      // PT_LOAD
      guard entry.count == 56, entry.word(0, 4) == 1 else { continue }
      segments.append((entry.word(16, 8), entry.word(32, 8), entry.word(8, 8)))
    }
    self.segments = segments
  }

  deinit { close(file) }

  /// Bytes of the kernel's memory.
  func read(_ address: UInt64, count: Int) throws(OperatorError) -> [UInt8] {
    // A file of the kernel's own gives less than asked for where it likes to.
    var found: [UInt8] = []
    while found.count < count {
      let next = try piece(address &+ UInt64(found.count), count: min(count - found.count, 1 << 20))
      found += next
    }
    return found
  }

  private func piece(_ address: UInt64, count: Int) throws(OperatorError) -> [UInt8] {
    for segment in segments
    where address >= segment.address && address - segment.address < segment.size {
      let bytes = Self.bytes(file, at: segment.offset &+ (address - segment.address), count: count)
      if !bytes.isEmpty { return bytes }
    }
    throw .unreadable(file: path, reason: "it does not show 0x\(String(address, radix: 16))")
  }

  private static func bytes(_ file: CInt, at offset: UInt64, count: Int) -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: count)
    // SAFETY: reads no more than the array has.
    let found = unsafe pread(file, &buffer, count, off_t(truncatingIfNeeded: offset))
    return Array(buffer.prefix(max(0, found)))
  }
}

extension Array<UInt8> {
  /// A little-endian number of some bytes; 0 where there are none.
  fileprivate func word(_ offset: Int, _ count: Int) -> UInt64 {
    guard offset + count <= self.count else { return 0 }
    return self[offset..<offset + count].reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }
}

/// The symbols of the running kernel and its modules (/proc/kallsyms), by address.
public struct LiveSymbols {
  /// Where `_text` is now.
  public let text: UInt64
  /// What the comparison of the whole text needs.
  let marks: TextMarks
  private let symbols: [(address: UInt64, name: String)]

  /// Reads them; only root is shown the addresses.
  init(path: String) throws(OperatorError) {
    let content: String
    do {
      content = String(decoding: try readKernelFile(path), as: UTF8.self)
    } catch {
      throw .kernelFile(error)
    }
    try self.init(content, path: path)
  }

  /// Reads their text: address, kind, name, and the module in brackets.
  public init(_ content: String, path: String) throws(OperatorError) {
    var text: UInt64 = 0
    var marks: [String: UInt64] = [:]
    var trampolines: [UInt64] = []
    var symbols: [(address: UInt64, name: String)] = []
    for line in content.utf8.split(separator: UInt8(ascii: "\n")) {
      let words = line.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
      guard words.count >= 3, let kind = words[1].first,
        let address = UInt64(String(decoding: words[0], as: UTF8.self), radix: 16)
      else { continue }
      let name = String(decoding: words[2], as: UTF8.self)
      // A module's have its name behind them.
      if words.count == 3, TextMarks.names.contains(name) { marks[name] = address }
      guard "tTwW".utf8.contains(kind) else { continue }
      if words.count == 3, name.hasPrefix(TextMarks.trampolinePrefix) {
        trampolines.append(address)
      }
      if name == "_text" { text = address }
      symbols.append((address, name))
    }
    guard text != 0 else { throw .notPermitted(file: path) }
    symbols.sort { $0.address < $1.address }
    self.text = text
    self.marks = TextMarks(text: text, addresses: marks, trampolines: trampolines)
    self.symbols = symbols
  }

  /// The function that begins at an address.
  public func name(of address: UInt64) -> String? {
    let index = firstIndex(from: address)
    return index < symbols.count && symbols[index].address == address ? symbols[index].name : nil
  }

  /// `function+0x1f`, or the address where no function is before it.
  public func place(of address: UInt64) -> String {
    let index = firstIndex(from: address &+ 1)
    guard index > 0 else { return hexadecimal(address) }
    let function = symbols[index - 1]
    return "\(function.name)+\(hexadecimal(address - function.address))"
  }

  /// Of the first symbol that is not before an address.
  private func firstIndex(from address: UInt64) -> Int {
    var (low, high) = (0, symbols.count)
    while low < high {
      let middle = (low + high) / 2
      if symbols[middle].address < address { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
