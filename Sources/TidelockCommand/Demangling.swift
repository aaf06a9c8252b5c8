import Foundation

/// The readable form of a mangled Swift name; any other name is returned unchanged.
func demangled(_ name: String) -> String {
  // The runtime wants a pointer to `nameLength` bytes, allocates the answer itself when no buffer is
  // given, and returns nil for what is no Swift name; the answer is ours to free.
  let answer = unsafe name.utf8CString.withUnsafeBufferPointer {
    unsafe swiftDemangle($0.baseAddress, $0.count - 1, nil, nil, 0)
  }
  guard let answer = unsafe answer else { return name }
  defer { unsafe free(answer) }
  return unsafe String(cString: answer)
}

/// The Swift runtime's demangler, which it exports for backtraces and tools.
@_silgen_name("swift_demangle")
private func swiftDemangle(
  _ name: UnsafePointer<CChar>?, _ nameLength: Int, _ buffer: UnsafeMutablePointer<CChar>?,
  _ bufferSize: UnsafeMutablePointer<Int>?, _ flags: UInt32
) -> UnsafeMutablePointer<CChar>?
