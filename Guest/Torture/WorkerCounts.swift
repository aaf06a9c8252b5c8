import Synchronization

/// What may interrupt what: each of these may come over all before it on the same CPU.
///
/// There is a set of locks for each. Locks of a context are taken in it and in those before it,
/// which then keep it out of their CPU, except that nothing keeps out NMIs: theirs is their own.
enum Context: UInt {
  case task = 0
  case softirq = 1
  case hardirq = 2
  case nmi = 3

  /// All of them.
  ///
  /// Not `allCases`, which would allocate.
  static var all: InlineArray<4, Context> { [.task, .softirq, .hardirq, .nmi] }
}

/// What the contexts of one worker count.
///
/// Each word is written by one context of one worker only and read by whoever asks: atomic, but
/// never read-modify-write. Relaxed everywhere: the numbers order nothing.
struct WorkerCounts {
  static let size: UInt = 2048

  private let address: UInt

  /// Contract: `size` bytes at the address, zero before first use, mapped while the torture runs.
  @unsafe init(address: UInt) {
    self.address = address
  }

  /// Sections that a context spent under a lock of another or its own.
  func sections(in context: Context, under lock: Context) -> Word {
    word(context.rawValue &* 4 &+ lock.rawValue)
  }

  /// Sections of a context in which somebody else was inside.
  func violations(in context: Context) -> Word { word(16 &+ context.rawValue) }

  /// The longest time a context waited for a lock, in ticks.
  func longestWait(in context: Context) -> Word { word(20 &+ context.rawValue) }

  /// The state of a context's random numbers.
  func randomState(in context: Context) -> Word { word(24 &+ context.rawValue) }

  /// When the task began its last round, in ticks.
  var lastProgress: Word { word(28) }

  /// The longest time between two rounds of the task, in ticks.
  var longestGap: Word { word(29) }

  /// How many times between two rounds fell into a bucket.
  func gaps(_ bucket: Int) -> Word { word(32 &+ UInt(bucket)) }

  private func word(_ index: UInt) -> Word { unsafe Word(address: address &+ 8 &* index) }

  /// One 64-bit word with one writer.
  struct Word {
    private let address: UInt

    @unsafe init(address: UInt) {
      self.address = address
    }

    var value: UInt64 {
      get { unsafe atomic.pointee.load(ordering: .relaxed) }
      nonmutating set { unsafe atomic.pointee.store(newValue, ordering: .relaxed) }
    }

    private var atomic: UnsafeMutablePointer<Atomic<UInt64>> {
      // Not null: an offset within an allocation, contract of `WorkerCounts.init`.
      unsafe UnsafeMutablePointer(bitPattern: address).unsafelyUnwrapped
    }
  }
}

/// Buckets of times, four to each power of two: what lies in one differs by a fifth at most from
/// its middle.
enum GapBuckets {
  static let count = 200

  /// The bucket of a time in ticks.
  static func index(of ticks: UInt64) -> Int {
    guard ticks >= 4 else { return Int(ticks) }
    let power = 63 &- ticks.leadingZeroBitCount
    let quarter = Int(ticks >> (UInt64(power) &- 2)) & 3
    return min(count &- 1, (power &- 1) &* 4 &+ quarter)
  }

  /// Where a bucket begins, in ticks.
  static func start(of index: Int) -> UInt64 {
    guard index >= 4 else { return UInt64(index) }
    return UInt64(4 &+ index & 3) << UInt64(index / 4 &- 1)
  }
}

extension WorkerCounts {
  /// The next random number of a context (Marsaglia's xorshift64).
  func random(in context: Context) -> UInt64 {
    let state = randomState(in: context)
    var number = state.value
    number ^= number << 13
    number ^= number >> 7
    number ^= number << 17
    state.value = number
    return number
  }
}
