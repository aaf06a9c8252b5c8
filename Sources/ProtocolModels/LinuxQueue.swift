import LockPlatform
import QueuedSpinlocks

/// The native queue of Linux, as a guest's kernel has it: `NativeQueue`, but for how its waiters take a
/// lock that they have seen free.
///
/// Newcomers compare the whole word there and pass nobody, so pending waiter and head need no
/// compare-exchange: each is the only one who leaves the state it has seen (`clear_pending_set_locked`,
/// `set_locked` in `qspinlock.h`).
enum LinuxQueue {
  static func slowPath(_ lock: LockWord) { NativeQueue<LinuxMachine>.slowPath(lock) }
}

/// The machine of the models, on which claims are plain stores.
private enum LinuxMachine: LockMachine {
  private typealias Machine = ModelMachine

  /// Of a byte or two it is a claim, which succeeds without looking; else the last one leaves the queue.
  @inline(__always)
  static func compareExchange<Word>(
    _ location: Location<Word>, expected: Word, desired: Word, _ ordering: UpdateOrdering
  ) -> Word {
    guard Word.bitWidth < 32 else {
      return Machine.compareExchange(location, expected: expected, desired: desired, ordering)
    }
    // Relaxed: the load that saw it free has acquired, as every load does on x86-64.
    Machine.store(desired, to: location, .relaxed)
    return expected
  }

  // MARK: As it is

  @inline(__always)
  static func load<Word>(_ location: Location<Word>, _ ordering: LoadOrdering) -> Word {
    Machine.load(location, ordering)
  }

  @inline(__always)
  static func store<Word>(_ value: Word, to location: Location<Word>, _ ordering: StoreOrdering) {
    Machine.store(value, to: location, ordering)
  }

  @inline(__always)
  static func exchange<Word>(
    _ value: Word, at location: Location<Word>, _ ordering: UpdateOrdering
  ) -> Word {
    Machine.exchange(value, at: location, ordering)
  }

  @inline(__always)
  static func fetchOr<Word>(
    _ bits: Word, at location: Location<Word>, _ ordering: UpdateOrdering
  ) -> Word {
    Machine.fetchOr(bits, at: location, ordering)
  }

  @inline(__always)
  static func compilerBarrier() {}
  @inline(__always)
  static func pause(_ attempt: UInt32) { Machine.pause(attempt) }
  @inline(__always)
  static var currentCPU: CPUNumber? { Machine.currentCPU }
  @inline(__always)
  static func queueArea(of cpu: CPUNumber) -> UInt { Machine.queueArea(of: cpu) }
  @inline(__always)
  static var lockHash: (address: UInt, entries: UInt) { Machine.lockHash }
  @inline(__always)
  static func wait(on word: Location<UInt32>, while value: UInt32) {
    Machine.wait(on: word, while: value)
  }
  @inline(__always)
  static func kick(_ word: Location<UInt32>) { Machine.kick(word) }
  @inline(__always)
  static func isPreempted(_ cpu: CPUNumber) -> Bool { Machine.isPreempted(cpu) }
  @inline(__always)
  static var ticks: UInt64 { Machine.ticks }
  @inline(__always)
  static var turn: UInt64 { Machine.turn }
  @inline(__always)
  static func bound(_ pauses: UInt32) -> UInt32 { Machine.bound(pauses) }
  @inline(__always)
  static func count(_ event: LockEvent) { Machine.count(event) }
}
