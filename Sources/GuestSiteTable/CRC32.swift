/// The cyclic redundancy check of IEEE 802.3, as zip, gzip and the kernel's `crc32_le` compute it.
public enum CRC32 {
  /// The checksum of the first `count` bytes.
  ///
  /// Goes bit by bit: a site table has a kilobyte, which is not worth a table of constants.
  @inlinable
  public static func checksum(_ bytes: RawSpan, count: Int) -> UInt32 {
    let reversedPolynomial: UInt32 = 0xedb8_8320
    var remainder: UInt32 = 0xffff_ffff
    for offset in 0..<count {
      remainder ^= UInt32(GuestSiteTable.integer(in: bytes, at: offset, as: UInt8.self))
      for _ in 0..<8 {
        remainder = (remainder >> 1) ^ (remainder & 1 == 0 ? 0 : reversedPolynomial)
      }
    }
    return ~remainder
  }
}
