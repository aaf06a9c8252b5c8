import Coroutines

/// What a model CPU asks of the machine: one operation.
struct Request: BitwiseCopyable {
  var operation: Operation
  /// In bytes.
  var width: UInt8
  var address: UInt64
  var first: UInt64
  var second: UInt64
  /// Return address in the code under test.
  var site: UInt64

  /// The request in the mailbox.
  static var latest: Request {
    let box = coroutine_latest()
    return Request(
      operation: Operation(rawValue: UInt8(truncatingIfNeeded: box.kind)) ?? .fail,
      width: UInt8(truncatingIfNeeded: box.kind >> 8),
      address: box.address, first: box.first, second: box.second, site: box.site)
  }
}

/// The operations of a model CPU.
@frozen @usableFromInline
enum Operation: UInt8, BitwiseCopyable {
  /// The body returned.
  case finish = 0
  case load
  /// Writes `first`.
  case store
  /// Writes `first`.
  case exchange
  /// Writes `second` if the word holds `first`.
  case compareExchange
  /// Sets the bits `first`.
  case fetchOr
  /// Waits until its own store buffer is empty.
  case fence
  /// Waits until something it has read since its last pause has changed.
  case pause
  /// Says that the next pause does not wait: its loop is bounded.
  case boundedWait
  /// Gives the CPU away while the word holds `first`, until woken.
  case sleep
  /// Wakes the CPUs that sleep on the word.
  case wake
  /// One of `first` possibilities.
  case choose
  /// Waits until the store buffer of CPU `first` is empty.
  case fenceOther
  /// An assertion failed: the message is at address `first`, `second` bytes long.
  case fail
  /// Nothing, but a place where others may run.
  case step
  /// Masks interrupts of this CPU (`first` 1) or lets them in (0).
  case maskInterrupts
  /// Says something for replays (text at `address`, `second` bytes long) of a value (`first`).
  case note
  /// From here on (`first` 1) memory accesses are one indivisible step with what came before.
  case fuse

  /// Locked instructions, and whatever else executes only with an empty store buffer.
  var drains: Bool {
    switch self {
    case .exchange, .compareExchange, .fetchOr, .fence, .sleep, .wake: true
    default: false
    }
  }
}
