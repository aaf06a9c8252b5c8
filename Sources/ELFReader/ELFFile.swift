/// A 64-bit little-endian x86-64 ELF file, held in memory, every access checked.
///
/// Header, section headers and program headers are checked when the file is opened; what they
/// point to, when it is asked for. No content makes a reader crash: damage is an ``ELFError``.
///
///     let file = try ELFFile(path: "/usr/bin/env")
///     if let text = file.section(named: ".text") { print(text.address, text.size) }
///
/// Layout after the System V ABI, AMD64 supplement, and the generic ABI's chapter on object files.
public struct ELFFile: Sendable {
  /// The name used in errors: the path the file was read from.
  public let name: String
  /// What the linker made: a program, a shared library, an object file.
  public let kind: Kind
  /// The section headers, in the file's order; empty if the file was stripped of them.
  public let sections: [Section]
  /// The program headers, in the file's order; empty in an object file.
  public let segments: [Segment]

  /// The whole file.
  let bytes: [UInt8]

  /// The object file types of the ELF header.
  public enum Kind: UInt16, Sendable {
    /// A relocatable object file; its addresses mean nothing yet.
    case relocatable = 1
    /// A program at a fixed address.
    case program = 2
    /// A shared library, or a program that can be loaded anywhere.
    case shared = 3
    /// A core dump.
    case core = 4
  }

  /// Reads a file and checks its headers.
  public init(path: String) throws(ELFError) {
    try self.init(bytes: readRegularFile(path), name: path)
  }

  /// Checks the headers of a file that is already in memory.
  ///
  /// - Parameters:
  ///   - bytes: The whole file.
  ///   - name: What errors call it.
  /// - Throws: ``ELFError`` if they are not those of a 64-bit x86-64 ELF file or are damaged.
  public init(bytes: [UInt8], name: String) throws(ELFError) {
    let header = try Header(bytes: bytes, name: name)
    self.name = name
    self.bytes = bytes
    kind = header.kind
    sections = try Self.readSections(bytes, header, name)
    segments = try Self.readSegments(bytes, header, sections.first, name)
  }

  /// The first section of that name.
  public func section(named wanted: String) -> Section? {
    sections.first { $0.name == wanted }
  }

  /// The section loaded at an address, for files whose sections have final addresses.
  public func section(containing address: UInt64) -> Section? {
    // Sections of per-CPU or thread data count from zero and are no place in memory.
    sections.first { $0.isLoaded && $0.address != 0 && $0.contains(address) }
  }

  /// The bytes a section has in the file.
  ///
  /// - Throws: ``ELFError/truncated(file:part:fileSize:)`` if they are not all there.
  public func contents(of section: Section) throws(ELFError) -> ArraySlice<UInt8> {
    guard section.occupiesFile else { return [] }
    return try slice(section.offset, section.size, part: "section \(section.name)")
  }

  /// The loadable segment that holds all of `count` bytes at a virtual address.
  public func segment(containing address: UInt64, count: Int) -> Segment? {
    segments.first { $0.isLoadable && $0.fileOffset(of: address, count: count) != nil }
  }

  /// The bytes that lie at a virtual address before anything is relocated or patched.
  ///
  /// - Throws: ``ELFError/malformed(file:detail:)`` if no segment takes all of them from the file.
  public func bytes(
    atVirtualAddress address: UInt64, count: Int
  ) throws(ELFError) -> ArraySlice<UInt8> {
    guard let segment = segment(containing: address, count: count),
      let offset = segment.fileOffset(of: address, count: count)
    else {
      throw .malformed(
        file: name, detail: "no loaded segment holds \(count) bytes at \(hexadecimal(address))")
    }
    return try slice(offset, UInt64(count), part: "segment at \(hexadecimal(segment.address))")
  }

  /// The bytes at a file offset, which must all be there.
  func slice(
    _ offset: UInt64, _ count: UInt64, part: String
  ) throws(ELFError) -> ArraySlice<UInt8> {
    try Self.slice(bytes, offset, count, part: part, name: name)
  }

  static func slice(
    _ bytes: [UInt8], _ offset: UInt64, _ count: UInt64, part: String, name: String
  ) throws(ELFError) -> ArraySlice<UInt8> {
    let (end, overflow) = offset.addingReportingOverflow(count)
    guard !overflow, end <= UInt64(bytes.count) else {
      throw .truncated(file: name, part: part, fileSize: bytes.count)
    }
    return bytes[Int(offset)..<Int(end)]
  }
}

/// An address or offset as C and debuggers write it: `0x4012f0`.
public func hexadecimal(_ value: UInt64) -> String {
  "0x" + String(value, radix: 16)
}
