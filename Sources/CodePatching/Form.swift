/// The bytes that a patch site holds for one implementation of its operation: one instruction of up
/// to eight bytes over all the bytes that change.
///
/// One instruction, because a CPU may be descheduled anywhere in a site: between two instructions
/// of one form it would go on in the middle of the other.
@frozen public struct Form: Equatable, Sendable {
  /// The bytes, packed little-endian; those past `count` are 0.
  public let bytes: UInt64
  /// How many bytes, from 1 to 8.
  public let count: Int

  /// A form of `count` bytes, packed little-endian.
  @inlinable @inline(__always)
  public init(bytes: UInt64, count: Int) {
    self.bytes = bytes & Form.mask(count)
    self.count = count
  }

  /// The form without its first byte.
  @inlinable var tail: UInt64 { bytes >> 8 }

  @inlinable @inline(__always)
  static func mask(_ count: Int) -> UInt64 {
    count >= 8 ? .max : (1 << (UInt64(count) &* 8)) &- 1
  }
}
