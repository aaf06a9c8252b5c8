import LockPlatform

/// The file in which `tidelock guest sites` tells the kernel module where a kernel's lock operations
/// are, and everything that reads it.
///
/// Knows no operating system and allocates nothing, so that the module checks a table with this very
/// code. All integers are little-endian:
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 8 | ``magic``, the letters `TIDELOCK` |
/// | 8 | 4 | ``formatVersion`` |
/// | 12 | 4 | size of the whole table in bytes |
/// | 16 | 4 | number of entries, at least 1 |
/// | 20 | 4 | length of the build id, 1 to 32 |
/// | 24 | 32 | build id (GNU note of the kernel), zeros after it |
/// | 56 | 72 | release as `uname -r` prints it, at most 64 bytes, zeros after it |
/// | 128 | 72 | version as `uname -v` prints it, likewise |
/// | 200 | 8 each | entries: offset from `_text` (4), operation (1), length (1), zero (2) |
/// | end - 4 | 4 | CRC-32 (IEEE 802.3) of all bytes before it |
///
/// The entries are sorted by offset and do not overlap. Offsets count from the kernel's symbol
/// `_text`, because the kernel is loaded at another address at each boot. Operations have the numbers
/// of `LockOperation`, which are also those of the site table in programs.
public enum GuestSiteTable {
  /// The first eight bytes, `TIDELOCK`, read as one little-endian integer.
  public static let magic: UInt64 = 0x4b43_4f4c_4544_4954
  /// The layout described here.
  public static let formatVersion: UInt32 = 1
  /// Where the entries begin.
  public static let headerSize = 200
  /// Bytes of one entry.
  public static let entrySize = 8
  /// Bytes of the checksum.
  public static let checksumSize = 4
  /// The longest build id.
  public static let buildIDCapacity = 32
  /// The bytes of release and version each; at least the last one is zero.
  public static let stringCapacity = 72
  /// The longest release or version, as in the kernel's own `struct new_utsname`.
  public static let longestString = 64

  /// Where the fields of the header are.
  @usableFromInline
  enum Offset {
    @usableFromInline static let version = 8
    @usableFromInline static let size = 12
    @usableFromInline static let count = 16
    @usableFromInline static let buildIDLength = 20
    @usableFromInline static let buildID = 24
    @usableFromInline static let release = 56
    @usableFromInline static let kernelVersion = 128
  }

  /// One patch site of the kernel.
  public struct Entry: Equatable, BitwiseCopyable, Sendable {
    /// Bytes from the kernel's symbol `_text`.
    public var offset: UInt32
    /// What is done there.
    public var operation: LockOperation
    /// Bytes of the site.
    public var length: UInt8

    /// An entry of these fields.
    @inlinable
    public init(offset: UInt32, operation: LockOperation, length: UInt8) {
      self.offset = offset
      self.operation = operation
      self.length = length
    }
  }

  /// Why a table is refused.
  public enum Fault: Error, Equatable, Sendable {
    /// Too short for a header, or other letters at its beginning.
    case notATable
    /// Written by a tidelock of another format.
    case unknownVersion
    /// The size in the header is not that of the bytes at hand, or does not fit the entries.
    case wrongSize
    /// The bytes are not those that were written.
    case wrongChecksum
    /// Build id, release or version is empty or too long.
    case badIdentity
    /// An entry is out of order, overlaps the one before it, or names no operation.
    case badEntry

    /// One sentence for the kernel log or a user.
    @inlinable
    public var sentence: StaticString {
      switch self {
      case .notATable: "this is not a table of lock sites; make one with: tidelock guest sites"
      case .unknownVersion: "the site table has another format; make it with this tidelock"
      case .wrongSize: "the site table is cut off or has bytes too many; make it again"
      case .wrongChecksum: "the site table's checksum is wrong; make it again"
      case .badIdentity: "the site table does not say which kernel it belongs to; make it again"
      case .badEntry: "the site table has an entry that no kernel can have; make it again"
      }
    }
  }
}
