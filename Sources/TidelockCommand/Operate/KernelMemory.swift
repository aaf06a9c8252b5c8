import ELFReader
import Foundation
import KernelImages

/// The memory of the running kernel, as /proc/kcore shows it: an ELF core file that covers it.
struct KernelMemory: ~Copyable {
  private let path: String
  private let file: CInt
  private let segments: [(address: UInt64, size: UInt64, offset: UInt64)]

  /// Opens it and reads its layout (ELF-64 object file format: header, program headers).
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
    // A kernel file may return less than requested at any point.
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

extension LiveSymbols {
  /// Reads them from a file of the kernel's.
  init(path: String) throws(OperatorError) {
    let content: String
    do {
      content = String(decoding: try readKernelFile(path), as: UTF8.self)
    } catch {
      throw .kernelFile(error)
    }
    guard let symbols = LiveSymbols(kallsyms: content) else { throw .notPermitted(file: path) }
    self = symbols
  }
}
