/// One program header of an ELF file: a range that is loaded or that the loader looks at.
public struct Segment: Sendable, Equatable {
  /// What the segment is for: a `PT_` number.
  public let type: UInt32
  /// The `PF_` bits.
  public let flags: UInt32
  /// Where its bytes begin in the file.
  public let offset: UInt64
  /// The virtual address of its first byte.
  public let address: UInt64
  /// Bytes taken from the file.
  public let fileSize: UInt64
  /// Bytes in memory; those beyond ``fileSize`` are zero.
  public let memorySize: UInt64

  /// Whether the segment is mapped into memory.
  public var isLoadable: Bool { type == 1 }
  /// Whether the segment holds notes, such as the build id.
  public var holdsNotes: Bool { type == 4 }
  /// Whether the mapping may be executed.
  public var isExecutable: Bool { flags & 0x1 != 0 }

  /// Where the bytes at a virtual address are in the file, or nil if not all come from there.
  func fileOffset(of candidate: UInt64, count: Int) -> UInt64? {
    guard count >= 0, candidate >= address else { return nil }
    let distance = candidate - address
    guard UInt64(count) <= fileSize, distance <= fileSize - UInt64(count) else { return nil }
    let (start, overflow) = offset.addingReportingOverflow(distance)
    return overflow ? nil : start
  }
}

extension ELFFile {
  static let segmentHeaderSize: UInt64 = 56

  static func readSegments(
    _ bytes: [UInt8], _ header: Header, _ sectionZero: Section?, _ name: String
  ) throws(ELFError) -> [Segment] {
    guard header.segmentOffset != 0, header.segmentCount != 0 else { return [] }
    guard UInt64(header.segmentEntrySize) == segmentHeaderSize else {
      throw .malformed(
        file: name,
        detail: "its program headers claim \(header.segmentEntrySize) bytes each instead of 56")
    }
    // The number 65,535 stands for "more": nothing but a core dump has as many.
    guard header.segmentCount != 0xffff else {
      throw .malformed(file: name, detail: "it claims 65,535 or more program headers")
    }
    let table = try slice(
      bytes, header.segmentOffset, UInt64(header.segmentCount) * segmentHeaderSize,
      part: "table of program headers", name: name)
    return stride(from: table.startIndex, to: table.endIndex, by: Int(segmentHeaderSize)).map {
      let header = table[$0...]
      return Segment(
        type: header.littleEndian(at: 0) ?? 0, flags: header.littleEndian(at: 4) ?? 0,
        offset: header.littleEndian(at: 8) ?? 0, address: header.littleEndian(at: 16) ?? 0,
        fileSize: header.littleEndian(at: 32) ?? 0, memorySize: header.littleEndian(at: 40) ?? 0)
    }
  }
}
