// Instructions of x86-64, and the forms of unlock in a program there.

extension Form {
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
