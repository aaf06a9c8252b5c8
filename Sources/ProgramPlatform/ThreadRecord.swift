import LockPlatform
import LockSwitching
import QueuedSpinlocks
import UserSpaceShims

/// What the core keeps of a thread: `struct tidelock_thread`.
///
/// A thread gets one, and with it its number, when it first enters a slow path, and gives it back
/// when it ends. Records are mapped once and for ever.
struct ThreadRecord: Equatable {
  let address: UInt

  @inline(__always)
  init(address: UInt) {
    self.address = address
  }

  @inline(__always)
  init(_ cpu: CPUNumber) {
    address = tidelock_thread_record(cpu.rawValue)
  }

  // Each of these locations is inside the record, which is never unmapped.
  var queueArea: UInt { @inline(__always) get { address } }
  var mark: Location<UInt32> { unsafe Location(address: tidelock_thread_mark(address)) }
  var tid: Location<UInt32> { unsafe Location(address: tidelock_thread_tid(address)) }
  var processor: Location<UInt32> { unsafe Location(address: tidelock_thread_processor(address)) }
  var longestStall: Location<UInt64> {
    unsafe Location(address: tidelock_thread_longest_stall(address))
  }
  var breakpoints: Location<UInt64> {
    unsafe Location(address: tidelock_thread_breakpoints(address))
  }
  var references: UInt { tidelock_thread_references(address) }
  func waitsFor(_ level: UInt) -> Location<UInt64> {
    unsafe Location(address: tidelock_thread_waits_for(address) &+ level &* 8)
  }
  func events(_ event: LockEvent) -> Location<UInt64> {
    unsafe Location(address: tidelock_thread_events(address) &+ UInt(event.rawValue) &* 8)
  }

  var number: CPUNumber {
    @inline(__always) get {
      CPUNumber(UInt32((address &- tidelock_threads()) / UInt(TIDELOCK_THREAD_SIZE)))
    }
  }

  /// This thread's record, given out now if it has none; nil if all numbers are taken.
  static var current: ThreadRecord? {
    @inline(__always) get {
      let address = tidelock_self()
      return address != 0 ? ThreadRecord(address: address) : enroll()
    }
  }

  // Relaxed, here and below: a thread counts for itself, and readers want an approximate sum.
  @inline(__always)
  func count(_ event: LockEvent) {
    ProgramMachine.store(
      ProgramMachine.load(events(event), .relaxed) &+ 1, to: events(event), .relaxed)
  }

  func noteStall(_ nanoseconds: UInt64) {
    if ProgramMachine.load(longestStall, .relaxed) < nanoseconds {
      ProgramMachine.store(nanoseconds, to: longestStall, .relaxed)
    }
  }
}

extension ThreadRecord {
  /// Visits every record that was ever in use.
  ///
  /// Not a sequence: a generic type asks the Swift runtime for its description, and in the child of
  /// a fork the runtime's lock may be held by a thread that is gone.
  static func each(_ body: (ThreadRecord) -> Void) {
    var number: UInt32 = 0
    let end = ProgramMachine.load(end, .acquiring)
    while number < end {
      body(ThreadRecord(CPUNumber(number)))
      number += 1
    }
  }
}

// MARK: Coming and going

extension ThreadRecord {
  /// Takes a free record for this thread.
  ///
  /// With signals blocked: a handler that takes a lock in the middle would take a second one. No
  /// allocation, no lock: it may be in a handler itself.
  ///
  /// Nil for a thread that has given its record back: nobody would learn of its end a second time.
  @inline(never)
  static func enroll() -> ThreadRecord? {
    // Acquiring; pairs with the release in `Process.start`.
    let threads = unsafe Location<UInt64>(address: tidelock_state_threads())
    guard !tidelock_has_left(), ProgramMachine.load(threads, .acquiring) != 0 else { return nil }
    // Relaxed: whoever misses one that is given back just now looks again at the next wait.
    let returned = ProgramMachine.load(Self.returned, .relaxed) &+ 1
    guard tidelock_found_none() != returned else { return nil }
    var signals: UInt64 = 0
    // Both calls only use the variable while they run.
    unsafe tidelock_block_signals(&signals)
    defer { unsafe tidelock_restore_signals(&signals) }
    let tid = tidelock_tid()
    for number in 0..<TIDELOCK_THREADS {
      let record = ThreadRecord(CPUNumber(number))
      // Acquiring; pairs with the release in `leave`: the last owner is done with it.
      guard ProgramMachine.load(record.tid, .relaxed) == 0,
        ProgramMachine.compareExchange(record.tid, expected: 0, desired: tid, .acquiring) == 0
      else { continue }
      // So that `leave` is called when the thread ends; nobody may have a record for ever.
      guard tidelock_call_at_exit(record.address) == 0 else {
        ProgramMachine.store(0, to: record.tid, .releasing)
        return nil
      }
      raiseEnd(above: number)
      tidelock_set_self(record.address)
      return record
    }
    tidelock_set_found_none(returned)
    return nil
  }

  /// Records below the end may be in use; a drain looks at those.
  ///
  /// The update is a full barrier and comes before the thread's first mark, so a drainer that
  /// reads an older end makes this thread read the newer slow path.
  private static func raiseEnd(above number: UInt32) {
    let end = self.end
    var seen = ProgramMachine.load(end, .relaxed)
    while seen <= number {
      seen = ProgramMachine.compareExchange(
        end, expected: seen, desired: number &+ 1, .sequentiallyConsistent)
    }
  }

  /// One more than the highest number ever given out.
  ///
  /// In the core's state, which stays.
  static var end: Location<UInt32> { unsafe Location(address: tidelock_state_thread_end()) }

  /// Gives the record back; the thread is ending.
  ///
  /// Should it take locks after this (destructors of thread-local storage may), it waits without.
  ///
  /// A thread that ended over a wait (`pthread_exit` in a signal handler) leaves its node in the queue
  /// of that lock. No drain waits for it any longer, and nobody may have the node again: whoever
  /// queued with it for another lock would be handed this one.
  func leave() {
    tidelock_set_has_left()
    tidelock_set_self(0)
    References<ProgramMachine>.forget(references)
    if ProgramMachine.load(mark, .relaxed) != 0 {
      ProgramMachine.store(0, to: mark, .releasing)
      return
    }
    // Releasing; pairs with `enroll`.
    ProgramMachine.store(0, to: tid, .releasing)
    ProgramMachine.add(1, to: Self.returned)
  }

  /// How many records were given back, ever.
  ///
  /// Until there is one more, whoever found none need not look again. In the core's state, which stays.
  private static var returned: Location<UInt32> {
    unsafe Location(address: tidelock_state_records_returned())
  }
}
