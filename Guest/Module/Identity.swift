import GuestSiteTable
import KernelServices

/// Whether a checked table was made for the very build that runs.
func isOfThisKernel(_ table: RawSpan, _ symbols: KernelSymbols) -> Bool {
  // Strings of the kernel's own, ended by a zero byte, that never change.
  let release = unsafe text(kernelRelease())
  let version = unsafe text(kernelVersion())
  guard unsafe GuestSiteTable.table(table, hasRelease: release.bytes),
    unsafe GuestSiteTable.table(table, hasVersion: version.bytes)
  else { return false }
  // The kernel's section of ELF notes, as /sys/kernel/notes shows it: read-only data.
  let notes = unsafe UnsafeRawBufferPointer(
    start: UnsafeRawPointer(bitPattern: symbols.notesStart),
    count: Int(symbols.notesEnd &- symbols.notesStart))
  guard let place = unsafe buildID(in: notes.bytes) else { return false }
  let id = unsafe UnsafeRawBufferPointer(rebasing: notes[place])
  return unsafe GuestSiteTable.table(table, hasBuildID: id.bytes)
}

/// Contract: a zero byte ends the text.
private func text(_ start: UnsafePointer<UInt8>) -> UnsafeRawBufferPointer {
  var count = 0
  while unsafe start[count] != 0 { count += 1 }
  return unsafe UnsafeRawBufferPointer(start: start, count: count)
}

/// Where the build id is among ELF notes: name `GNU`, type 3.
private func buildID(in notes: RawSpan) -> Range<Int>? {
  var offset = 0
  while offset + 16 <= notes.byteCount {
    // Bounds-checked; any bits are an integer.
    let nameSize = unsafe Int(notes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self))
    let size = unsafe Int(notes.unsafeLoadUnaligned(fromByteOffset: offset + 4, as: UInt32.self))
    let type = unsafe notes.unsafeLoadUnaligned(fromByteOffset: offset + 8, as: UInt32.self)
    let name = unsafe notes.unsafeLoadUnaligned(fromByteOffset: offset + 12, as: UInt32.self)
    let content = offset + 12 + (nameSize + 3) & ~3
    guard content + size <= notes.byteCount else { return nil }
    if type == 3, nameSize == 4, name == 0x0055_4e47 { return content..<(content + size) }
    offset = content + (size + 3) & ~3
  }
  return nil
}
