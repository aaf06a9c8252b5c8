import Foundation

/// Boot images of x86 Linux around any bytes.
public enum SyntheticBootImage {
  /// How the kernel is packed.
  public enum Packing: String, CaseIterable, Sendable {
    case xz
    case zstd
    case gzip
    case lz4

    /// The tool's arguments as the kernel's build has them.
    var arguments: [String] {
      switch self {
      case .xz: ["--check=crc32", "--x86", "--lzma2=dict=1MiB", "-c"]
      case .zstd: ["-19", "-c"]
      case .gzip: ["-n", "-9", "-c"]
      case .lz4: ["-l", "-9", "-c"]
      }
    }
  }

  /// Packs a vmlinux and puts the boot header before it.
  ///
  /// - Parameters:
  ///   - vmlinux: The path of the file.
  ///   - packing: The tool.
  /// - Returns: The bytes of the image.
  /// - Throws: ``ProgramFailed``, if the tool is missing for instance.
  public static func pack(_ vmlinux: String, _ packing: Packing) throws -> [UInt8] {
    let result = try runProgram(packing.rawValue, packing.arguments + [vmlinux])
    guard result.status == 0 else {
      throw ProgramFailed(program: packing.rawValue, output: result.error)
    }
    let size = try FileManager.default.attributesOfItem(atPath: vmlinux)[.size] as? Int ?? 0
    // gzip ends with the size of what it packed; for the others the kernel's build adds it.
    let trailer = packing == .gzip ? [] : littleEndian(UInt32(size))
    return image(payload: result.output + trailer)
  }

  private static let setupSectors = 1
  private static let payloadOffset = 0x2c
  private static let payloadStart = (setupSectors + 1) * 512 + payloadOffset
  /// Real images go on behind the payload.
  private static let rest = [UInt8](repeating: 0, count: 8)

  /// Where the payload is in an image made here.
  public static func payload(of image: [UInt8]) -> Range<Int> {
    payloadStart..<(image.count - rest.count)
  }

  /// A boot image with this payload.
  public static func image(payload: [UInt8]) -> [UInt8] {
    var image = [UInt8](repeating: 0, count: payloadStart)
    image[0x1f1] = UInt8(setupSectors)
    image.replaceSubrange(0x1fe..<0x206, with: [0x55, 0xaa, 0xeb, 0x6a] + Array("HdrS".utf8))
    image.replaceSubrange(0x206..<0x208, with: [0x0f, 0x02])
    image.replaceSubrange(0x248..<0x24c, with: littleEndian(UInt32(payloadOffset)))
    image.replaceSubrange(0x24c..<0x250, with: littleEndian(UInt32(payload.count)))
    return image + payload + rest
  }

  /// The four bytes of a number, the least first.
  public static func littleEndian(_ value: UInt32) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }
}
