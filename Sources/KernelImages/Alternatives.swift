import ELFReader

/// One entry of the kernel's `.altinstructions`: code that may be replaced at boot.
struct Alternative {
  /// Where the code is.
  let address: UInt64
  /// How many bytes of it.
  let length: Int
  /// Where the replacement is, and how many bytes it has.
  let replacement: UInt64
  let replacementLength: Int
  /// Whether the kernel replaces an indirect call by a direct one of the same function.
  let isDirectCall: Bool
}

extension Alternative {
  /// Reads the table.
  ///
  /// Its entries had 12 bytes up to Linux 6.2 and have 14, with flags, since then; the kernel does not
  /// say which, but entries of the wrong length point anywhere.
  static func table(of kernel: ELFFile) throws(KernelImageError) -> [Alternative] {
    guard let section = kernel.section(named: ".altinstructions") else { return [] }
    let bytes: ArraySlice<UInt8>
    do { bytes = try kernel.contents(of: section) } catch { throw .elf(error) }
    for entrySize in [14, 12] where bytes.count % entrySize == 0 {
      let entries = stride(from: 0, to: bytes.count, by: entrySize).map { offset in
        entry(
          bytes.dropFirst(offset).prefix(entrySize), at: section.address &+ UInt64(offset))
      }
      if entries.allSatisfy({ $0.isPlausible(in: kernel) }) { return entries }
    }
    throw .inconsistent(
      file: kernel.name, detail: "its table of alternatives has entries of neither 12 nor 14 bytes")
  }

  /// Reads an entry: `struct alt_instr` of the kernel's `asm/alternative.h`.
  ///
  /// Both addresses are distances from the very field that holds them.
  private static func entry(_ bytes: ArraySlice<UInt8>, at address: UInt64) -> Alternative {
    let distance: Int32 = bytes.littleEndian(at: 0) ?? 0
    let replacementDistance: Int32 = bytes.littleEndian(at: 4) ?? 0
    let directCall: UInt16 = 2
    let flags: UInt16 = bytes.count == 14 ? bytes.littleEndian(at: 10) ?? 0 : 0
    return Alternative(
      address: address &+ UInt64(bitPattern: Int64(distance)),
      length: Int(bytes.littleEndian(at: bytes.count - 2, as: UInt8.self) ?? 0),
      replacement: address &+ 4 &+ UInt64(bitPattern: Int64(replacementDistance)),
      replacementLength: Int(bytes.littleEndian(at: bytes.count - 1, as: UInt8.self) ?? 0),
      isDirectCall: flags & directCall != 0)
  }

  private func isPlausible(in kernel: ELFFile) -> Bool {
    length > 0 && replacementLength <= length
      && kernel.section(containing: address)?.isExecutable == true
      && (replacementLength == 0 || kernel.section(containing: replacement)?.isExecutable == true)
  }
}
