import ELFReader

/// Symbols of the running kernel that the comparison of its text needs.
public struct TextMarks: Sendable {
  /// Where `_text` is.
  public let text: UInt64
  /// Where the others are, by name.
  public let addresses: [String: UInt64]
  /// Where the trampolines of static calls are (`__SCT__...`).
  public let trampolines: [UInt64]

  /// Which names to look for, besides those of trampolines.
  public static let names: Set<String> = Set(tables.flatMap { [$0.start, $0.end] } + slots)
  /// How the names of trampolines begin.
  public static let trampolinePrefix = "__SCT__"

  static let tables = [jumps, staticCalls, traced]
  static let jumps = (start: "__start___jump_table", end: "__stop___jump_table")
  static let staticCalls = (start: "__start_static_call_sites", end: "__stop_static_call_sites")
  static let traced = (start: "__start_mcount_loc", end: "__stop_mcount_loc")
  /// Calls in the function tracer's own code.
  static let slots = ["ftrace_call", "ftrace_regs_call", "ftrace_graph_call"]

  /// What was found in /proc/kallsyms.
  public init(text: UInt64, addresses: [String: UInt64], trampolines: [UInt64]) {
    (self.text, self.addresses, self.trampolines) = (text, addresses, trampolines)
  }
}

/// The ranges of its own text that a kernel writes to, by its own tables.
///
/// Sources followed: `arch/x86/kernel/alternative.c` (alternatives, retpolines, returns, lock prefixes,
/// ENDBR), `jump_label.h`, `static_call_types.h`, `runtime-const.h`, `ftrace.c` of Linux 6.1 and 6.12.
struct PatchedText {
  /// By link addresses, sorted; they may overlap.
  let ranges: [Range<UInt64>]

  init(of kernel: ELFFile, text: Section, _ marks: TextMarks) throws(KernelImageError) {
    // A place, and how many bytes of it.
    var found = try Alternative.table(of: kernel).map { ($0.address, UInt64($0.length)) }
    found += try paravirtualCalls(of: kernel, []).map {
      ($0.address, UInt64(IndirectCall.length))
    }
    // Calls and jumps to thunks, a conditional one being the longest; `jmp __x86_return_thunk`; a lock
    // prefix; ENDBR.
    for (name, length) in [
      (".retpoline_sites", 6), (".return_sites", 5), (".smp_locks", 1), (".ibt_endbr_seal", 4),
      (".call_sites", 5),
    ] as [(String, UInt64)] {
      guard let section = kernel.section(named: name) else { continue }
      found += try Self.distances(in: section, of: kernel).map { ($0, length) }
    }
    // Constants that are known only at boot (`asm/runtime-const.h`): addresses, and shifts.
    for section in kernel.sections {
      let length: UInt64
      switch section.name {
      case let name where name.hasPrefix("runtime_ptr_"): length = 8
      case let name where name.hasPrefix("runtime_shift_"): length = 1
      default: continue
      }
      found += try Self.distances(in: section, of: kernel).map { ($0, length) }
    }
    let moved = marks.text &- text.address
    // No module's, nor in memory that was given back: the tables in the image.
    func entries(_ table: (start: String, end: String), _ size: Int) throws(KernelImageError)
      -> [(address: UInt64, bytes: ArraySlice<UInt8>)]
    {
      guard let start = marks.addresses[table.start], let end = marks.addresses[table.end] else {
        throw .inconsistent(
          file: kernel.name, detail: "the running kernel has no symbol \(table.start)")
      }
      guard end > start else { return [] }
      let bytes: ArraySlice<UInt8>
      do {
        bytes = try kernel.bytes(
          atVirtualAddress: start &- moved, count: Int(clamping: end - start))
      } catch { throw .elf(error) }
      return stride(from: 0, to: bytes.count - size + 1, by: size).map {
        (start &- moved &+ UInt64($0), bytes.dropFirst($0).prefix(size))
      }
    }
    for (address, bytes) in try entries(TextMarks.jumps, 16) {
      let place = Self.target(bytes, at: address)
      // A jump or no-operation of two bytes, or one of five.
      let isShort =
        (try? kernel.bytes(atVirtualAddress: place, count: 1)).map {
          [0xeb, 0x66].contains($0.first)
        }
        ?? false
      found.append((place, isShort ? 2 : 5))
    }
    for (address, bytes) in try entries(TextMarks.staticCalls, 8) {
      let place = Self.target(bytes, at: address)
      found.append((place, 6))
    }
    for (_, bytes) in try entries(TextMarks.traced, 8) {
      let place: UInt64 = bytes.littleEndian(at: 0) ?? 0
      found.append((place, 5))
    }
    found += marks.trampolines.map { ($0 &- moved, 8) }
    found += TextMarks.slots.compactMap { marks.addresses[$0] }.map { ($0 &- moved, 5) }
    // What a damaged table names outside the text is ignored.
    let end = text.address &+ text.size
    ranges = found.filter { text.contains($0.0) }
      .map { place, length in place..<place &+ min(length, end &- place) }
      .sorted { $0.lowerBound < $1.lowerBound }
  }

  /// A section of 32-bit distances, each from where it is.
  private static func distances(
    in section: Section, of kernel: ELFFile
  ) throws(KernelImageError) -> [UInt64] {
    let bytes: ArraySlice<UInt8>
    do { bytes = try kernel.contents(of: section) } catch { throw .elf(error) }
    return stride(from: 0, to: bytes.count - 3, by: 4).map {
      target(bytes.dropFirst($0), at: section.address &+ UInt64($0))
    }
  }

  /// What a distance at an address leads to.
  private static func target(_ bytes: ArraySlice<UInt8>, at address: UInt64) -> UInt64 {
    let distance: Int32 = bytes.littleEndian(at: 0) ?? 0
    return address &+ UInt64(bitPattern: Int64(distance))
  }
}
