import LockPlatform

extension GuestSiteTable {
  /// Checks a whole table; after that every entry below the count can be read.
  ///
  /// Takes time linear in the table. Reads nothing outside `table`, whatever it holds.
  ///
  /// - Parameter table: Exactly the bytes of the table.
  /// - Returns: The number of entries.
  /// - Throws: The first ``Fault`` found.
  @inlinable
  public static func check(_ table: RawSpan) throws(Fault) -> Int {
    let size = table.byteCount
    guard size >= headerSize + checksumSize, integer(in: table, at: 0, as: UInt64.self) == magic
    else { throw .notATable }
    guard integer(in: table, at: Offset.version, as: UInt32.self) == formatVersion else {
      throw .unknownVersion
    }
    // `size` bounds the entries before their count is multiplied by anything.
    let count = Int(integer(in: table, at: Offset.count, as: UInt32.self))
    guard integer(in: table, at: Offset.size, as: UInt32.self) == size,
      count <= size / entrySize, size == headerSize + count * entrySize + checksumSize
    else { throw .wrongSize }
    let sum = CRC32.checksum(table, count: size - checksumSize)
    guard integer(in: table, at: size - checksumSize, as: UInt32.self) == sum else {
      throw .wrongChecksum
    }
    let idLength = integer(in: table, at: Offset.buildIDLength, as: UInt32.self)
    guard idLength > 0, idLength <= buildIDCapacity,
      isString(in: table, at: Offset.release), isString(in: table, at: Offset.kernelVersion)
    else { throw .badIdentity }
    guard count > 0 else { throw .badEntry }
    var end: UInt64 = 0
    for index in 0..<count {
      guard let entry = entry(index, in: table), UInt64(entry.offset) >= end, entry.length > 0
      else { throw .badEntry }
      end = UInt64(entry.offset) + UInt64(entry.length)
    }
    return count
  }

  /// The entry of that index; never nil in a table that has passed ``check(_:)``, for an index below
  /// its count.
  @inlinable
  public static func entry(_ index: Int, in table: RawSpan) -> Entry? {
    let start = headerSize + index * entrySize
    guard let operation = LockOperation(rawValue: integer(in: table, at: start + 4, as: UInt8.self))
    else { return nil }
    return Entry(
      offset: integer(in: table, at: start, as: UInt32.self), operation: operation,
      length: integer(in: table, at: start + 5, as: UInt8.self))
  }

  /// Whether a checked table was made for the kernel of this build id.
  @inlinable
  public static func table(_ table: RawSpan, hasBuildID id: RawSpan) -> Bool {
    Int(integer(in: table, at: Offset.buildIDLength, as: UInt32.self)) == id.byteCount
      && equal(table, at: Offset.buildID, id)
  }

  /// Whether a checked table was made for the kernel of this release (`uname -r`), given without a
  /// terminating zero.
  @inlinable
  public static func table(_ table: RawSpan, hasRelease release: RawSpan) -> Bool {
    string(in: table, at: Offset.release, is: release)
  }

  /// Whether a checked table was made for the kernel of this version (`uname -v`), given without a
  /// terminating zero.
  @inlinable
  public static func table(_ table: RawSpan, hasVersion version: RawSpan) -> Bool {
    string(in: table, at: Offset.kernelVersion, is: version)
  }

  @inlinable
  static func integer<Integer: FixedWidthInteger & BitwiseCopyable>(
    in table: RawSpan, at offset: Int, as type: Integer.Type
  ) -> Integer {
    // The load is bounds-checked; unsafe is only the choice of type, and any bits are an integer.
    Integer(littleEndian: unsafe table.unsafeLoadUnaligned(fromByteOffset: offset, as: type))
  }

  @inlinable
  static func isString(in table: RawSpan, at offset: Int) -> Bool {
    integer(in: table, at: offset, as: UInt8.self) != 0
      && integer(in: table, at: offset + longestString, as: UInt8.self) == 0
  }

  @inlinable
  static func string(in table: RawSpan, at offset: Int, is other: RawSpan) -> Bool {
    other.byteCount <= longestString && equal(table, at: offset, other)
      && integer(in: table, at: offset + other.byteCount, as: UInt8.self) == 0
  }

  @inlinable
  static func equal(_ table: RawSpan, at offset: Int, _ other: RawSpan) -> Bool {
    for index in 0..<other.byteCount
    where integer(in: table, at: offset + index, as: UInt8.self)
      != integer(in: other, at: index, as: UInt8.self)
    {
      return false
    }
    return true
  }
}
