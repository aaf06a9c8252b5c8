import KernelServices

/// A piece of code that may belong to a lock operation.
enum LockCode {
  /// A call.
  case call(UInt)
  /// The native unlock with its padding, as the kernel inlines it.
  case inlineUnlock
}

/// Calls `body` with every call and every inlined native unlock in a range of code, and its address, until
/// `body` returns false.
///
/// Bytes with another meaning may look the same; then something is refused needlessly. The chance that five
/// bytes happen to lead to one exact function is one in 2^32. The six bytes of the unlock with its padding
/// arise otherwise only where a compiler aligns a loop right after it cleared a byte.
///
/// Contract: the code is mapped for as long as this lasts.
func findLockOperations(
  in text: UInt, _ size: UInt, _ body: (UInt, LockCode) -> Bool
) {
  let length = KernelForms.siteLength
  guard size >= UInt(length), let code = unsafe UnsafeRawPointer(bitPattern: text) else { return }
  for offset in 0...(Int(size) - length) {
    let address = text &+ UInt(offset)
    // In bounds by the range of the loop.
    switch unsafe code.load(fromByteOffset: offset, as: UInt8.self) {
    case 0xe8:
      let distance = unsafe code.loadUnaligned(fromByteOffset: offset + 1, as: Int32.self)
      let target = address &+ 5 &+ UInt(bitPattern: Int(distance))
      guard body(address, .call(target)) else { return }
    case 0xc6:
      let bytes = unsafe UInt64(code.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
      let rest = unsafe UInt64(code.loadUnaligned(fromByteOffset: offset + 4, as: UInt16.self))
      guard bytes | rest << 32 == KernelForms.inlineUnlock else { continue }
      guard body(address, .inlineUnlock) else { return }
    default: continue
    }
  }
}
