#if !$Embedded
  extension GuestSiteTable {
    /// Makes a table.
    ///
    /// - Parameters:
    ///   - entries: The sites in any order.
    ///   - buildID: The kernel's build id.
    ///   - release: As `uname -r` prints it.
    ///   - version: As `uname -v` prints it.
    /// - Returns: A table that has passed ``check(_:)``.
    /// - Throws: The ``Fault`` that the table would have.
    public static func encode(
      _ entries: [Entry], buildID: [UInt8], release: String, version: String
    ) throws(Fault) -> [UInt8] {
      guard buildID.count <= buildIDCapacity, release.utf8.count <= longestString,
        version.utf8.count <= longestString
      else { throw .badIdentity }
      var table: [UInt8] = []
      func append(_ value: some FixedWidthInteger) {
        for byte in 0..<(value.bitWidth / 8) {
          table.append(UInt8(truncatingIfNeeded: value >> (8 * byte)))
        }
      }
      func append(_ bytes: some Collection<UInt8>, paddedTo capacity: Int) {
        table += bytes
        table += repeatElement(0, count: capacity - bytes.count)
      }
      append(magic)
      append(formatVersion)
      append(UInt32(headerSize + entries.count * entrySize + checksumSize))
      append(UInt32(entries.count))
      append(UInt32(buildID.count))
      append(buildID, paddedTo: buildIDCapacity)
      append(release.utf8, paddedTo: stringCapacity)
      append(version.utf8, paddedTo: stringCapacity)
      for entry in entries.sorted(by: { $0.offset < $1.offset }) {
        append(entry.offset)
        append(entry.operation.rawValue)
        append(entry.length)
        append(UInt16(0))
      }
      // Seeing elements as bytes is unsafe only where there may be padding between them.
      let checksum = unsafe CRC32.checksum(table.span.bytes, count: table.count)
      append(checksum)
      _ = try unsafe check(table.span.bytes)
      return table
    }
  }
#endif
