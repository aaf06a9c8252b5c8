import KernelServices

/// The hash from locks to sleeping heads, which the kernel makes itself only when it boots
/// paravirtual.
struct LockHashMemory {
  private let place: UInt
  private let bitsPlace: UInt
  private let address: UInt
  private let size: UInt

  /// Allocates and installs the hash; nil if there is no memory.
  ///
  /// As many entries as the kernel would take: four for each CPU, a page at least, a power of two.
  init?(_ symbols: KernelSymbols) {
    let entrySize: UInt = 16
    var entries: UInt = 4096 / entrySize
    var bits: UInt32 = 8
    while entries < 4 * possibleCPUs() {
      entries *= 2
      bits += 1
    }
    size = entries * entrySize
    guard let memory = unsafe allocate(size) else { return nil }
    address = UInt(bitPattern: memory)
    place = symbols.lockHash
    bitsPlace = symbols.lockHashBits
    write(address, bits)
  }

  /// Uninstalls the hash and frees its memory.
  ///
  /// No paravirtual slow path runs, and no unlock that might look for an entry.
  func remove() {
    write(0, 0)
    unsafe free(UnsafeMutableRawPointer(bitPattern: address), size)
  }

  /// Variables of the kernel that only paravirtual bodies read.
  private func write(_ address: UInt, _ bits: UInt32) {
    unsafe UnsafeMutablePointer<UInt32>(bitPattern: bitsPlace).unsafelyUnwrapped.pointee = bits
    unsafe UnsafeMutablePointer<UInt>(bitPattern: place).unsafelyUnwrapped.pointee = address
  }
}
