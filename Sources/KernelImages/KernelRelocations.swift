import ELFReader

/// What the loader of a boot image adds to addresses in the kernel when it loads the kernel elsewhere
/// than where it was linked.
///
/// Source followed: the comment in the kernel's `arch/x86/boot/compressed/misc.c`. Three lists follow the
/// ELF file, each begun by a zero: places with 64-bit addresses, with 32-bit distances that move the other
/// way, with 32-bit addresses. They are read backwards. A vmlinux that was never packed has none.
struct KernelRelocations {
  /// Where 64 bits grow by the distance that the kernel is moved; link addresses.
  private(set) var wide: [UInt64] = []
  /// Where 32 bits grow.
  private(set) var narrow: [UInt64] = []
  /// Where 32 bits shrink: distances to what does not move.
  private(set) var inverse: [UInt64] = []

  /// Reads what follows the kernel.
  init(of vmlinux: [UInt8]) {
    var end = vmlinux.count
    func list() -> [UInt64] {
      var places: [UInt64] = []
      while end >= 4, let place: Int32 = vmlinux.littleEndian(at: end - 4) {
        end -= 4
        if place == 0 { break }
        places.append(UInt64(bitPattern: Int64(place)))
      }
      return places
    }
    // An ELF file ends with its section headers, and so does a vmlinux.
    guard !Self.endsWithHeaders(vmlinux) else { return }
    narrow = list()
    inverse = list()
    wide = list()
  }

  /// Whether nothing follows the ELF file.
  private static func endsWithHeaders(_ vmlinux: [UInt8]) -> Bool {
    guard let start: UInt64 = vmlinux.littleEndian(at: 40),
      let size: UInt16 = vmlinux.littleEndian(at: 58),
      let count: UInt16 = vmlinux.littleEndian(at: 60)
    else { return true }
    return start &+ UInt64(size) * UInt64(count) >= UInt64(vmlinux.count)
  }

  /// Moves code that begins at an address.
  func apply(to code: inout [UInt8], at address: UInt64, movedBy distance: UInt64) {
    func each(_ places: [UInt64], _ width: Int, _ change: UInt64) {
      for place in places where place >= address {
        let start = Int(clamping: place - address)
        guard start <= code.count - width else { continue }
        var value: UInt64 = 0
        for index in (0..<width).reversed() { value = value << 8 | UInt64(code[start + index]) }
        value &+= change
        for index in 0..<width {
          code[start + index] = UInt8(truncatingIfNeeded: value >> (8 * index))
        }
      }
    }
    each(narrow, 4, distance)
    each(inverse, 4, 0 &- distance)
    each(wide, 8, distance)
  }
}
