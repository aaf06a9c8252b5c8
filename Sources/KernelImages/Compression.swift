import ELFReader

/// A way of packing a kernel, recognised by its first bytes, and the program that unpacks it.
enum Compression: CaseIterable {
  case xz
  case zstd
  case gzip
  case lz4

  /// The program, which is also the name of the Debian package.
  var tool: String {
    switch self {
    case .xz: "xz"
    case .zstd: "zstd"
    case .gzip: "gzip"
    case .lz4: "lz4"
    }
  }

  /// The Debian package with the program.
  var package: String { self == .xz ? "xz-utils" : tool }

  /// Unpack standard input to standard output, whatever the terminal and the environment say.
  var arguments: [String] { ["-d", "-c"] }

  private var magic: [UInt8] {
    switch self {
    case .xz: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]
    case .zstd: [0x28, 0xb5, 0x2f, 0xfd]
    case .gzip: [0x1f, 0x8b]
    case .lz4: [0x02, 0x21, 0x4c, 0x18]
    }
  }

  /// What else the kernel's build offers; used only in errors.
  private static let others: [(magic: [UInt8], name: String)] = [
    ([0x42, 0x5a, 0x68], "bzip2"), ([0x5d, 0x00, 0x00], "lzma"), ([0x89, 0x4c, 0x5a], "lzo"),
  ]

  /// Recognises how a payload is packed.
  static func of(_ payload: ArraySlice<UInt8>, file: String) throws(KernelImageError) -> Compression
  {
    if let known = allCases.first(where: { payload.starts(with: $0.magic) }) { return known }
    let other = others.first { payload.starts(with: $0.magic) }
    throw .unknownCompression(file: file, found: other?.name ?? "something unknown")
  }
}
