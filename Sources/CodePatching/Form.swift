import LockPlatform

/// The bytes a patch site holds for one implementation of its operation: one instruction of up to
/// eight bytes over all the bytes that change.
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

  /// The breakpoint instruction, `int3`.
  public static var breakpoint: UInt64 { @inlinable get { 0xcc } }

  /// The jump `e9 rel32`, or nil if the target is out of reach.
  @inlinable
  public static func jump(from site: UInt, to target: UInt) -> Form? {
    relative(0xe9, from: site, to: target)
  }

  /// The call `e8 rel32`, or nil if the target is out of reach.
  @inlinable
  public static func call(from site: UInt, to target: UInt) -> Form? {
    relative(0xe8, from: site, to: target)
  }

  @inlinable
  static func relative(_ opcode: UInt64, from site: UInt, to target: UInt) -> Form? {
    let distance = Int(bitPattern: target) &- Int(bitPattern: site) &- 5
    guard let offset = Int32(exactly: distance) else { return nil }
    return Form(bytes: UInt64(UInt32(bitPattern: offset)) << 8 | opcode, count: 5)
  }

  @inlinable @inline(__always)
  static func mask(_ count: Int) -> UInt64 {
    count >= 8 ? .max : (1 << (UInt64(count) &* 8)) &- 1
  }
}

/// The forms of an unlock site in a program.
///
/// Both are five bytes and both are one instruction; the site lies within one aligned 8-byte word.
public enum ProgramUnlockForms {
  /// `movb $0, 0(%rdi)` with a REX prefix and an explicit displacement: `40 c6 47 00 00`.
  public static var native: Form { @inlinable get { Form(bytes: 0x00_0047_c640, count: 5) } }

  /// `jmp` to the site's own stub.
  ///
  /// Never a call: compiled code keeps data below the stack pointer. Nil if the stub is out of
  /// reach.
  @inlinable
  public static func paravirtual(site: UInt, stub: UInt) -> Form? {
    Form.jump(from: site, to: stub)
  }
}
