/// An integer that a machine reads and writes in one piece.
public protocol MemoryWord: FixedWidthInteger, UnsignedInteger, BitwiseCopyable, Sendable {}

extension UInt8: MemoryWord {}
extension UInt16: MemoryWord {}
extension UInt32: MemoryWord {}
extension UInt64: MemoryWord {}

/// The place of one word in memory that several CPUs use at the same time.
///
/// It is an address and a width, nothing more: every access goes through a platform, so that the
/// same algorithm runs on hardware, in a kernel and under the model checker, which sees each access.
@frozen public struct Location<Word: MemoryWord>: Equatable, Sendable {
  /// The address of the word's first byte.
  public let address: UInt

  /// Names the word at an address.
  ///
  /// Contract: the address is aligned to the word's size, and stays readable and writable for as
  /// long as any CPU may use the location.
  @unsafe @inlinable @inline(__always)
  public init(address: UInt) {
    self.address = address
  }
}
