import KernelServices

/// A piece of code that may belong to a lock operation.
enum LockCode {
  /// A call.
  case call(UInt)
  /// The native unlock with its padding, as the kernel inlines it.
  case inlineUnlock
}

/// Hands over every call, and every inlined native unlock, that a range of code holds, with its address;
/// until `body` returns false.
///
/// Bytes that mean something else may look so: then something is refused for nothing. Five that lead
/// exactly to a function are one in 2^32; the six of the unlock with its padding are what a compiler
/// makes only of a loop's alignment after a byte was cleared.
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
