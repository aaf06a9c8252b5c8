/// Everything that the machine keeps of one CPU, apart from its stack.
///
/// Plain bytes: part of every snapshot.
struct CPUState: BitwiseCopyable {
  /// Where its stack ends while it does not run.
  var stackPointer: UInt64 = 0
  /// What it wants to do next.
  var request = Request.none
  var status = Status.ready
  /// It has written since its last pause, so its next pause does not wait.
  var hasWritten = true
  /// Its next pause is in a bounded loop.
  var pauseIsFree = false
  var interruptsMasked = false
  /// Its memory accesses happen together with what it did before.
  var isFused = false
  /// How many handlers are nested on it.
  var level: UInt8 = 0
  var interruptsLeft: UInt8 = 0
  var spuriousWakeUpsLeft: UInt8 = 0
  var bufferCount: UInt8 = 0
  /// How many of the youngest buffered stores were made since its last scheduling point.
  var freshStores: UInt8 = 0
  var watchCount: UInt8 = 0
  /// The hash of stack and request, as of the last time it ran.
  var codeHash: UInt64 = 0
  /// Stores that are not in memory yet, oldest first.
  var buffer = InlineArray<8, BufferedStore>(repeating: BufferedStore())
  /// What it has read since its last pause.
  var watch = InlineArray<12, Watched>(repeating: Watched())
  /// What handlers interrupted, outermost first.
  var interrupted = InlineArray<3, Interrupted>(repeating: Interrupted())

  enum Status: UInt8, BitwiseCopyable {
    case ready
    /// At a pause.
    case pausing
    /// In `sleep`.
    case asleep
    /// In `sleep`, and woken by another CPU.
    case woken
    case finished
  }
}

extension Request {
  static let none = Request(operation: .step, width: 0, address: 0, first: 0, second: 0, site: 0)
}

/// A store in a store buffer.
struct BufferedStore: BitwiseCopyable {
  var address: UInt64 = 0
  var value: UInt64 = 0
  var width: UInt8 = 0
}

/// A word, and what it held when it was read.
struct Watched: BitwiseCopyable {
  var address: UInt32 = 0
  var width: UInt8 = 0
  var value: UInt64 = 0
}

/// A context that a handler interrupted.
struct Interrupted: BitwiseCopyable {
  var stackPointer: UInt64 = 0
  var request = Request.none
  var status = CPUState.Status.ready
  var pauseIsFree = false
}

// MARK: Store buffer

extension CPUState {
  /// What this CPU sees of a word: memory under its own buffered stores, byte by byte.
  ///
  /// Byte by byte is more than hardware does for a load that a buffered store covers only in part:
  /// there the load waits for the commit, which is among the schedules here as well.
  @inline(__always)
  func visible(_ address: UInt64, _ width: UInt8, in memory: ModelMemory) -> UInt64 {
    var value = memory.read(address, width)
    for index in 0..<Int(bufferCount) {
      let entry = buffer[index]
      guard entry.address < address &+ UInt64(width),
        entry.address &+ UInt64(entry.width) > address
      else { continue }
      if entry.address >= address {
        let shift = (entry.address &- address) &* 8
        let mask = ModelMemory.mask(entry.width) << shift
        value = value & ~mask | entry.value << shift & mask
      } else {
        let shift = (address &- entry.address) &* 8
        let mask = ModelMemory.mask(entry.width) >> shift
        value = value & ~mask | entry.value >> shift & mask
      }
    }
    return value & ModelMemory.mask(width)
  }
}

// MARK: Waiting for a change

extension CPUState {
  /// Records what was read since the last pause.
  @inline(__always)
  mutating func hasRead(_ value: UInt64, _ address: UInt64, _ width: UInt8) {
    if hasWritten { return }
    for index in 0..<Int(watchCount) {
      let entry = watch[index]
      if UInt64(entry.address) == address && entry.width == width && entry.value == value { return }
    }
    guard Int(watchCount) < watch.count else {
      // Too much to watch: its next pause does not wait, which only adds schedules.
      hasWritten = true
      watchCount = 0
      return
    }
    watch[Int(watchCount)] = Watched(
      address: UInt32(truncatingIfNeeded: address), width: width, value: value)
    watchCount += 1
  }

  /// Whether something that was read since the last pause is different now.
  func sawChange(in memory: ModelMemory) -> Bool {
    for index in 0..<Int(watchCount) {
      let entry = watch[index]
      if visible(UInt64(entry.address), entry.width, in: memory) != entry.value { return true }
    }
    return false
  }
}
