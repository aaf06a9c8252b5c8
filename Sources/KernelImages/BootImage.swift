import ELFReader

/// A boot image of x86 Linux (bzImage, vmlinuz), to the extent that it says where the packed kernel is.
///
/// Source followed: the kernel's description of its x86 boot protocol, fields `setup_sects`,
/// `boot_flag`, `header`, `version`, `payload_offset`, `payload_length`.
struct BootImage {
  /// The packed kernel as it stands in the image.
  let payload: ArraySlice<UInt8>

  private static let sectorSize = 512
  /// Up to the last field that is read.
  private static let headerEnd = 0x250

  /// Whether the bytes begin like a boot image, be it complete or not.
  static func isOne(_ bytes: [UInt8]) -> Bool {
    bytes.littleEndian(at: 0x1fe) == 0xaa55 as UInt16
      && bytes.dropFirst(0x202).starts(with: "HdrS".utf8)
  }

  init(_ bytes: [UInt8], file: String) throws(KernelImageError) {
    guard Self.isOne(bytes) else { throw .notAKernel(file: file) }
    guard bytes.count >= Self.headerEnd,
      let version: UInt16 = bytes.littleEndian(at: 0x206),
      let offset: UInt32 = bytes.littleEndian(at: 0x248),
      let length: UInt32 = bytes.littleEndian(at: 0x24c)
    else { throw .truncated(file: file, part: "boot header", fileSize: bytes.count) }
    guard version >= 0x208 else { throw .tooOld(file: file, protocolVersion: version) }

    // 0 stands for 4, as in the oldest images; the boot sector itself comes on top.
    let setupSectors = bytes[0x1f1] == 0 ? 4 : Int(bytes[0x1f1])
    // None of this overflows: both summands come from 32 bits.
    let start = (setupSectors + 1) * Self.sectorSize + Int(offset)
    guard start + Int(length) <= bytes.count else {
      throw .truncated(file: file, part: "packed kernel", fileSize: bytes.count)
    }
    payload = bytes[start..<(start + Int(length))]
  }
}
