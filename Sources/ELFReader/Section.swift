/// One section header of an ELF file.
public struct Section: Sendable, Equatable {
  /// The section's name, from the file's table of section names.
  public let name: String
  /// What the section holds: an `SHT_` number.
  public let type: UInt32
  /// The `SHF_` bits.
  public let flags: UInt64
  /// The virtual address of its first byte; 0 if it is not loaded.
  public let address: UInt64
  /// Where its bytes begin in the file.
  public let offset: UInt64
  /// Bytes in memory, and in the file unless the section is all zeros there.
  public let size: UInt64
  /// The index of a section that belongs to it, such as a symbol table's strings.
  public let link: UInt32
  /// Bytes of one entry, for tables.
  public let entrySize: UInt64

  /// Whether the section is part of the program in memory.
  public var isLoaded: Bool { flags & 0x2 != 0 }
  /// Whether the section holds machine code.
  public var isExecutable: Bool { flags & 0x4 != 0 }
  /// Whether the section has bytes in the file; one of type `SHT_NOBITS` or `SHT_NULL` has none.
  public var occupiesFile: Bool { type != SectionType.noBits && type != SectionType.null }

  /// Whether an address lies in the section.
  public func contains(_ candidate: UInt64) -> Bool {
    candidate >= address && candidate - address < size
  }
}

/// The section types that the reader looks into.
enum SectionType {
  static let null: UInt32 = 0
  static let symbols: UInt32 = 2
  static let strings: UInt32 = 3
  static let relocations: UInt32 = 4
  static let dynamic: UInt32 = 6
  static let note: UInt32 = 7
  static let noBits: UInt32 = 8
  static let dynamicSymbols: UInt32 = 11
}

extension ELFFile {
  static let sectionHeaderSize: UInt64 = 64

  static func readSections(
    _ bytes: [UInt8], _ header: Header, _ name: String
  ) throws(ELFError) -> [Section] {
    guard header.sectionOffset != 0 else { return [] }
    guard UInt64(header.sectionEntrySize) == sectionHeaderSize else {
      throw .malformed(
        file: name,
        detail: "its section headers claim \(header.sectionEntrySize) bytes each instead of 64")
    }
    let part = "table of section headers"
    // Files with 65,280 sections and more keep the real numbers in the fields of section 0.
    let zero = RawSection(
      try slice(bytes, header.sectionOffset, sectionHeaderSize, part: part, name: name))
    let count = header.sectionCount == 0 ? zero.size : UInt64(header.sectionCount)
    let namesIndex = header.sectionNames == 0xffff ? zero.link : UInt32(header.sectionNames)

    let (length, overflow) = count.multipliedReportingOverflow(by: sectionHeaderSize)
    guard !overflow else {
      throw .malformed(file: name, detail: "it claims \(count) section headers")
    }
    let table = try slice(bytes, header.sectionOffset, length, part: part, name: name)
    let raw = stride(from: table.startIndex, to: table.endIndex, by: Int(sectionHeaderSize))
      .map { RawSection(table[$0...]) }

    var names: ArraySlice<UInt8> = []
    if namesIndex != 0 {
      guard namesIndex < raw.count, raw[Int(namesIndex)].type == SectionType.strings else {
        throw .malformed(file: name, detail: "section \(namesIndex) does not hold section names")
      }
      let table = raw[Int(namesIndex)]
      names = try slice(bytes, table.offset, table.size, part: "section names", name: name)
    }
    var sections: [Section] = []
    sections.reserveCapacity(raw.count)
    for (index, section) in raw.enumerated() {
      guard let sectionName = string(in: names, at: section.name) else {
        throw .malformed(file: name, detail: "the name of section \(index) lies outside the names")
      }
      sections.append(section.named(sectionName))
    }
    return sections
  }

  /// The zero-terminated string at an offset of a string table, or nil if it does not end in it.
  static func string(in table: ArraySlice<UInt8>, at offset: UInt32) -> String? {
    if offset == 0 { return "" }
    guard offset < table.count else { return nil }
    let rest = table[(table.startIndex + Int(offset))...]
    guard let end = rest.firstIndex(of: 0) else { return nil }
    return String(decoding: rest[..<end], as: UTF8.self)
  }
}

/// A section header before its name is looked up.
private struct RawSection {
  let name: UInt32
  let type: UInt32
  let flags: UInt64
  let address: UInt64
  let offset: UInt64
  let size: UInt64
  let link: UInt32
  let entrySize: UInt64

  /// - Parameter header: At least the 64 bytes of the header.
  init(_ header: ArraySlice<UInt8>) {
    name = header.littleEndian(at: 0) ?? 0
    type = header.littleEndian(at: 4) ?? 0
    flags = header.littleEndian(at: 8) ?? 0
    address = header.littleEndian(at: 16) ?? 0
    offset = header.littleEndian(at: 24) ?? 0
    size = header.littleEndian(at: 32) ?? 0
    link = header.littleEndian(at: 40) ?? 0
    entrySize = header.littleEndian(at: 56) ?? 0
  }

  func named(_ name: String) -> Section {
    Section(
      name: name, type: type, flags: flags, address: address, offset: offset, size: size,
      link: link, entrySize: entrySize)
  }
}
