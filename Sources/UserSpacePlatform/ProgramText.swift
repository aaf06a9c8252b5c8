import Glibc
import LockPlatform
import UserSpaceShims

/// The machine code of this process.
///
/// Contract of every function: the address is in an attached image, and for writing inside
/// `TextWindows.open`.
public enum ProgramText: CodeMemory {
  /// Byte by byte.
  public static func loadCode(_ address: UInt, count: Int) -> UInt64 {
    tidelock_load_code(address, Int32(count))
  }

  /// One store.
  public static func storeCodeWord(_ word: UInt64, at address: UInt) -> Bool {
    tidelock_store_code_word(address, word)
    return true
  }

  /// Byte by byte.
  public static func storeCode(_ bytes: UInt64, count: Int, at address: UInt) -> Bool {
    for index in 0..<count {
      tidelock_store_code(
        address &+ UInt(index), UInt8(truncatingIfNeeded: bytes >> (UInt64(index) &* 8)))
    }
    return true
  }

  /// membarrier(2), PRIVATE_EXPEDITED_SYNC_CORE: an interrupt to every processor that runs one of
  /// our threads; the others serialize when they return to user space.
  public static func serializeCores() -> Bool {
    tidelock_barrier_sync_core() == 0
  }
}

/// The pages that hold patch sites, writable for the time of one poke.
struct TextWindows {
  private var opened: [(low: UInt, high: UInt, protection: Int32)] = []

  /// Makes pages writable, without taking any permission away; false if the kernel refuses, and
  /// then the pages are as they were.
  mutating func open(from low: UInt, to high: UInt) -> Bool {
    let first = low & ~4095
    let last = (high &+ 4095) & ~4095
    for mapping in ProcessMaps.protections(from: first, to: last) {
      let wanted = mapping.protection | PROT_WRITE
      guard tidelock_protect(mapping.low, mapping.high, wanted) == 0 else { return false }
      opened.append(mapping)
    }
    return true
  }

  /// Gives every page the permissions it had.
  mutating func close() {
    for mapping in opened.reversed() {
      _ = tidelock_protect(mapping.low, mapping.high, mapping.protection)
    }
    opened = []
  }
}

/// /proc/self/maps.
enum ProcessMaps {
  /// The mappings that cover a range of pages, clipped to it.
  static func protections(from low: UInt, to high: UInt) -> [(
    low: UInt, high: UInt, protection: Int32
  )] {
    var found: [(low: UInt, high: UInt, protection: Int32)] = []
    // Without /proc: what the program headers of any text segment say.
    guard let text = read() else { return [(low, high, PROT_READ | PROT_EXEC)] }
    for line in text.split(separator: UInt8(ascii: "\n")) {
      // "5581d0a00000-5581d0a21000 r-xp ..."
      let fields = line.split(separator: UInt8(ascii: " "), maxSplits: 2)
      guard fields.count >= 2 else { continue }
      let bounds = fields[0].split(separator: UInt8(ascii: "-"))
      guard bounds.count == 2, let start = hexadecimal(bounds[0]), let end = hexadecimal(bounds[1])
      else { continue }
      guard start < high, end > low else {
        if start >= high { break }
        continue
      }
      var protection: Int32 = 0
      if fields[1].contains(UInt8(ascii: "r")) { protection |= PROT_READ }
      if fields[1].contains(UInt8(ascii: "w")) { protection |= PROT_WRITE }
      if fields[1].contains(UInt8(ascii: "x")) { protection |= PROT_EXEC }
      found.append((max(start, low), min(end, high), protection))
    }
    return found
  }

  private static func read() -> [UInt8]? {
    // Literals are terminated.
    let file = unsafe open("/proc/self/maps", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var text: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 16384)
    while true {
      // Reads no more than the chunk holds.
      let got = unsafe Glibc.read(file, &chunk, chunk.count)
      if got <= 0 { return got == 0 ? text : nil }
      text += chunk[..<got]
    }
  }

  private static func hexadecimal(_ digits: ArraySlice<UInt8>) -> UInt? {
    UInt(String(decoding: digits, as: UTF8.self), radix: 16)
  }
}
