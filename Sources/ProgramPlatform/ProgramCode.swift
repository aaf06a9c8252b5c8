import CodePatching
import Glibc
import LockPlatform
import LockSwitching
import UserSpaceShims

/// The machine code of this process.
///
/// Contract of every function: the address is in an attached image, and for writing inside
/// `TextWindows.open`.
public enum ProgramCode: CodeMemory {
  /// In one piece where the bytes lie within an aligned word, else byte by byte.
  @inline(__always)
  public static func loadCode(_ address: UInt, count: Int) -> UInt64 {
    let offset = address & 7
    guard offset &+ UInt(count) <= 8 else { return tidelock_load_code(address, Int32(count)) }
    // Nearly all: a site lies within an aligned word. Relaxed: only who patches writes it.
    let word = unsafe ProgramMachine.load(Location<UInt64>(address: address &- offset), .relaxed)
    let bytes = word >> (UInt64(offset) &* 8)
    return count == 8 ? bytes : bytes & (1 << (UInt64(count) &* 8) &- 1)
  }

  /// One store.
  @inline(__always)
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

/// Pages of one protection.
struct TextWindow {
  var low: UInt
  var high: UInt
  /// As the pages had it before, and shall have it again.
  var protection: Int32
  /// Whether what is written is not this process's alone.
  var isShared = false
  /// Whether somebody was told that they do not have it again.
  var isReported = false
}

/// The pages that hold patch sites, writable while sites are poked.
///
/// Contract: `images_lock` is held. Nothing here allocates: an allocator may be waiting for it.
enum TextWindows {
  /// What is to be given back: pages that are open, and from earlier those that the kernel refused
  /// to protect again.
  nonisolated(unsafe) private static var windows: UnsafeMutablePointer<TextWindow>?
  nonisolated(unsafe) private static var count = 0
  private static let room = 32768

  /// The same as below, for one range alone.
  static func open(from low: UInt, to high: UInt) throws(SwitchFailure) {
    try open(from: low, to: high, in: ProcessMaps())
  }

  /// Makes pages writable, by one call for each run of one protection and without taking any permission
  /// away; throws if the kernel refuses, or does not say what they have now, and then some may be open.
  static func open(
    from low: UInt, to high: UInt, in maps: borrowing ProcessMaps
  ) throws(SwitchFailure) {
    if unsafe windows == nil {
      // Costs nothing until it is touched.
      let memory = tidelock_map(room * MemoryLayout<TextWindow>.stride)
      unsafe windows = UnsafeMutablePointer(bitPattern: memory)
    }
    guard let windows = unsafe windows else { throw .patch(.notWritable(site: low)) }
    let first = low & ~4095
    let last = (high &+ 4095) & ~4095
    var end = unsafe count
    try maps.each(from: first, to: last) { window in
      // Whoever made them writable wants them so, unless it was us: those are in the list.
      guard window.protection & PROT_WRITE == 0, end < room else { return }
      unsafe (windows + end).initialize(to: window)
      end += 1
    }
    while unsafe count < end {
      let window = unsafe windows[count]
      guard tidelock_protect(window.low, window.high, window.protection | PROT_WRITE) == 0 else {
        throw .patch(.notWritable(site: low))
      }
      unsafe count += 1
    }
    guard end < room else { throw .patch(.notWritable(site: low)) }
  }

  /// Gives every page the permissions it had.
  ///
  /// The address of one that could not have them, if nobody was told before; it is tried again
  /// whenever windows are closed. Told now, if it is to be reported.
  static func close(reporting: Bool = true) -> UInt? {
    guard let windows = unsafe windows else { return nil }
    var refused: UInt?
    var kept = 0
    for index in 0..<(unsafe count) {
      var window = unsafe windows[index]
      if tidelock_protect(window.low, window.high, window.protection) == 0 { continue }
      if !window.isReported, refused == nil { refused = window.low }
      if reporting { window.isReported = true }
      unsafe windows[kept] = window
      kept += 1
    }
    unsafe count = kept
    return refused
  }

  /// Forgets pages of an image that goes away.
  static func forget(from low: UInt, to high: UInt) {
    guard let windows = unsafe windows else { return }
    var kept = 0
    for index in 0..<(unsafe count) {
      let window = unsafe windows[index]
      if window.low < high, low < window.high { continue }
      unsafe windows[kept] = window
      kept += 1
    }
    unsafe count = kept
  }
}

/// /proc/self/maps, opened.
struct ProcessMaps: ~Copyable {
  private let file: Int32

  /// Throws without a file descriptor left, or without /proc.
  init() throws(SwitchFailure) {
    // Not the C library's functions, which are cancellation points. A literal is terminated.
    file = try SwitchFailure.checked(unsafe tidelock_open("/proc/self/maps"))
  }

  deinit { tidelock_close(file) }

  /// Calls a function with each mapping of a range of pages, clipped to it; throws if they cannot be
  /// looked up, and then some may have been left out.
  ///
  /// One question for each; by a kernel that answers none, all that is said of lower addresses is read.
  func each(
    from low: UInt, to high: UInt, _ body: (TextWindow) -> Void
  ) throws(SwitchFailure) {
    var next = low
    while next < high {
      var mapping = tidelock_mapping()
      // Only uses the variable while it runs.
      let found = unsafe tidelock_find_mapping(file, next, &mapping)
      guard found >= 0 else { return try read(from: next, to: high, body) }
      guard found > 0, mapping.low < high else { return }
      body(
        TextWindow(
          low: max(mapping.low, next), high: min(mapping.high, high),
          protection: mapping.protection, isShared: mapping.is_shared))
      next = mapping.high
    }
  }

  /// The same from what the file says.
  private func read(
    from low: UInt, to high: UInt, _ body: (TextWindow) -> Void
  ) throws(SwitchFailure) {
    _ = try SwitchFailure.checked(tidelock_rewind(file))
    var line = Line()
    // Small enough for the stack.
    let last = unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 1024) { chunk in
      while true {
        // Reads no more than the chunk holds.
        let got = unsafe tidelock_read(file, chunk.baseAddress, chunk.count)
        guard got > 0 else { return got }
        for index in 0..<got where line.isEnded(by: unsafe chunk[index]) {
          if line.low >= high { return 0 }
          if line.high > low {
            body(
              TextWindow(
                low: max(line.low, low), high: min(line.high, high), protection: line.protection,
                isShared: line.isShared))
          }
          line = Line()
        }
      }
    }
    _ = try SwitchFailure.checked(Int32(last))
  }

  /// A line as far as it has been read.
  ///
  ///     5581d0a00000-5581d0a21000 r-xp ...
  private struct Line {
    var low: UInt = 0
    var high: UInt = 0
    var protection: Int32 = 0
    var isShared = false
    private var field = 0

    /// Takes a byte; true if it was the line's last.
    mutating func isEnded(by byte: UInt8) -> Bool {
      switch (byte, field) {
      case (UInt8(ascii: "\n"), _): return true
      case (UInt8(ascii: "-"), 0), (UInt8(ascii: " "), 1), (UInt8(ascii: " "), 2): field += 1
      case (_, 0): low = low << 4 | Self.digit(byte)
      case (_, 1): high = high << 4 | Self.digit(byte)
      case (UInt8(ascii: "r"), 2): protection |= PROT_READ
      case (UInt8(ascii: "w"), 2): protection |= PROT_WRITE
      case (UInt8(ascii: "x"), 2): protection |= PROT_EXEC
      case (UInt8(ascii: "s"), 2): isShared = true
      default: break
      }
      return false
    }

    private static func digit(_ byte: UInt8) -> UInt {
      UInt(byte < UInt8(ascii: "a") ? byte &- UInt8(ascii: "0") : byte &- UInt8(ascii: "a") &+ 10)
    }
  }
}
