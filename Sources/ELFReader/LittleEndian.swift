extension ArraySlice<UInt8> {
  /// Reads a little-endian integer that lies wholly in the slice.
  ///
  /// - Parameters:
  ///   - offset: Bytes from the start of the slice, aligned or not.
  ///   - type: The integer's type, which gives its width and sign.
  /// - Returns: The integer, or nil beyond the end.
  @inlinable
  public func littleEndian<Integer: FixedWidthInteger & BitwiseCopyable>(
    at offset: Int, as type: Integer.Type = Integer.self
  ) -> Integer? {
    guard offset >= 0, count >= MemoryLayout<Integer>.size,
      offset <= count - MemoryLayout<Integer>.size
    else { return nil }
    // `loadUnaligned` wants offset + size within the buffer, as checked above; any bit pattern is an
    // integer, and no pointer leaves the closure.
    return unsafe withUnsafeBytes { bytes in
      Integer(littleEndian: unsafe bytes.loadUnaligned(fromByteOffset: offset, as: Integer.self))
    }
  }
}

extension [UInt8] {
  /// Reads a little-endian integer, or returns nil if it would reach beyond the array.
  @inlinable
  public func littleEndian<Integer: FixedWidthInteger & BitwiseCopyable>(
    at offset: Int, as type: Integer.Type = Integer.self
  ) -> Integer? {
    self[...].littleEndian(at: offset)
  }
}
