import ELFReader

/// A call through a slot of `pv_ops`, as the kernel's image has it: `ff 15 rel32`.
struct IndirectCall {
  let address: UInt64
  /// The address of the slot.
  let slot: UInt64

  /// Bytes of the instruction.
  static let length = 6

  /// Decodes the instruction at an address, or returns nil if it is another.
  init?(at address: UInt64, in kernel: ELFFile) throws(KernelImageError) {
    let bytes: ArraySlice<UInt8>
    do {
      bytes = try kernel.bytes(atVirtualAddress: address, count: Self.length)
    } catch { throw .elf(error) }
    guard bytes.starts(with: [0xff, 0x15]), let distance: Int32 = bytes.littleEndian(at: 2) else {
      return nil
    }
    self.address = address
    slot = address &+ UInt64(Self.length) &+ UInt64(bitPattern: Int64(distance))
  }
}

/// All calls through `pv_ops` that the kernel patches at boot.
///
/// Up to Linux 6.7 they have a table of their own, `.parainstructions`; since then they are
/// alternatives that are marked as direct calls.
func paravirtualCalls(
  of kernel: ELFFile, _ alternatives: [Alternative]
) throws(KernelImageError) -> [IndirectCall] {
  if let section = kernel.section(named: ".parainstructions") {
    return try callsInOwnTable(section, of: kernel)
  }
  var calls: [IndirectCall] = []
  for alternative in alternatives
  where alternative.isDirectCall && alternative.length == IndirectCall.length {
    // Direct calls through tables other than pv_ops (static calls) look the same; their slots differ.
    if let call = try IndirectCall(at: alternative.address, in: kernel) { calls.append(call) }
  }
  return calls
}

/// Reads `.parainstructions`: 16-byte entries of address (8), type (1) and length (1), unsorted.
///
/// The type is the slot's index in `pv_ops`.
private func callsInOwnTable(
  _ section: Section, of kernel: ELFFile
) throws(KernelImageError) -> [IndirectCall] {
  let entrySize = 16
  let entries: ArraySlice<UInt8>
  do { entries = try kernel.contents(of: section) } catch { throw .elf(error) }
  guard entries.count % entrySize == 0 else {
    throw .inconsistent(
      file: kernel.name, detail: "the \(entries.count) bytes of .parainstructions are cut off")
  }
  var calls: [IndirectCall] = []
  var table: UInt64?
  for offset in stride(from: 0, to: entries.count, by: entrySize) {
    guard let address: UInt64 = entries.littleEndian(at: offset),
      let type: UInt8 = entries.littleEndian(at: offset + 8),
      let length: UInt8 = entries.littleEndian(at: offset + 9),
      length == IndirectCall.length, let call = try IndirectCall(at: address, in: kernel)
    else {
      throw .inconsistent(
        file: kernel.name,
        detail: "entry \(offset / entrySize) of .parainstructions is not an indirect call")
    }
    // Type and target say the same thing twice; where they differ, neither can be trusted.
    let start = call.slot &- 8 * UInt64(type)
    guard table == nil || table == start else {
      throw .inconsistent(
        file: kernel.name,
        detail: "the call at \(hexadecimal(address)) does not lead to slot \(type) of pv_ops")
    }
    table = start
    calls.append(call)
  }
  return calls
}
