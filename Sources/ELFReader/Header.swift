/// The fields of the ELF header that say where the other headers are.
struct Header {
  let kind: ELFFile.Kind
  let sectionOffset: UInt64
  let sectionEntrySize: UInt16
  let sectionCount: UInt16
  let sectionNames: UInt16
  let segmentOffset: UInt64
  let segmentEntrySize: UInt16
  let segmentCount: UInt16

  /// Bytes of a 64-bit ELF header.
  static let size: UInt64 = 64

  init(bytes: [UInt8], name: String) throws(ELFError) {
    guard bytes.starts(with: [0x7f, 0x45, 0x4c, 0x46]) else { throw .notELF(file: name) }
    let header = try ELFFile.slice(bytes, 0, Self.size, part: "header", name: name)
    // The slice holds all 64 bytes, so that none of the reads below falls outside.
    func field<Integer: FixedWidthInteger & BitwiseCopyable>(_ offset: Int) -> Integer {
      header.littleEndian(at: offset) ?? 0
    }

    switch bytes[4] {
    case 2: break
    case 1: throw .unsupported(file: name, found: "a 32-bit ELF file")
    case let other: throw .unsupported(file: name, found: "an ELF file of unknown class \(other)")
    }
    guard bytes[5] == 1 else {
      throw .unsupported(file: name, found: "an ELF file of another byte order")
    }
    let machine: UInt16 = field(18)
    guard machine == 62 else {
      throw .unsupported(file: name, found: "an ELF file for machine number \(machine)")
    }
    guard let kind = ELFFile.Kind(rawValue: field(16)) else {
      throw .malformed(
        file: name, detail: "its header names the unknown type \(field(16) as UInt16)")
    }
    self.kind = kind
    segmentOffset = field(32)
    sectionOffset = field(40)
    segmentEntrySize = field(54)
    segmentCount = field(56)
    sectionEntrySize = field(58)
    sectionCount = field(60)
    sectionNames = field(62)
  }
}
