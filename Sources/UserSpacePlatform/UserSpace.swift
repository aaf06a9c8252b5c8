import LockPlatform
import LockSwitching
import QueuedSpinlocks
import UserSpaceShims

extension UserSpace: LockMachine {
  /// The number of this thread, given out when it first comes here.
  @inline(__always)
  public static var currentCPU: CPUNumber? {
    guard let thread = ThreadRecord.current else { return nil }
    return thread.number
  }

  /// The beginning of a thread's record.
  @inline(__always)
  public static func queueArea(of cpu: CPUNumber) -> UInt {
    ThreadRecord(cpu).queueArea
  }

  /// Memory of the core, mapped once.
  @inline(__always)
  public static var lockHash: (address: UInt, entries: UInt) {
    (tidelock_hash(), UInt(TIDELOCK_HASH_ENTRIES))
  }

  /// A futex: the kernel compares the word and sleeps in one step, so no kick is lost.
  public static func wait(on word: Location<UInt32>, while value: UInt32) {
    guard implementation(of: .wait) == .paravirtual else { return }
    tidelock_futex_wait(word.address, value)
  }

  /// A futex wake-up.
  ///
  /// The word is in a thread's record, which stays mapped when the thread ends.
  public static func kick(_ word: Location<UInt32>) {
    guard implementation(of: .kick) == .paravirtual else { return }
    tidelock_futex_wake(word.address)
  }

  /// True if the thread was last seen, on its way into a slow path, on the processor this runs on:
  /// then it cannot be running.
  ///
  /// What it cannot know: a thread descheduled on another processor, or one that has moved since.
  /// It says false then, or true of a thread that runs elsewhere by now.
  @inline(__always)
  public static func isPreempted(_ cpu: CPUNumber) -> Bool {
    guard implementation(of: .vcpuIsPreempted) == .paravirtual else { return false }
    let here = tidelock_processor()
    return here != UInt32.max && load(ThreadRecord(cpu).processor, .relaxed) == here
  }

  /// The timestamp counter.
  @inline(__always)
  public static var ticks: UInt64 { tidelock_timestamp() }

  /// A millisecond, in ticks.
  @inline(__always)
  public static var turn: UInt64 { tidelock_turn() }

  /// Counts in this thread's record.
  @inline(__always)
  public static func count(_ event: LockEvent) {
    ThreadRecord.current?.count(event)
  }
}

extension UserSpace: CountedMachine {
  /// In this thread's record.
  @inline(__always)
  public static var mark: Location<UInt32>? { ThreadRecord.current?.mark }

  /// In the operation table.
  @inline(__always)
  public static var slowPath: Location<UInt32> { entry(of: .slowPath) }

  /// `sched_yield`: among the ways to wait at the gate, the one after which a switch takes least.
  ///
  /// A thread that is held by `stopMachine` comes here in a handler nested over that.
  public static func yield() {
    if LockStep<UserSpace>.isUnderWay { ProgramSwitching.waitsAtGate() }
    tidelock_yield()
  }

  /// CLOCK_MONOTONIC.
  public static var nanoseconds: UInt64 { tidelock_nanoseconds() }

  /// Notes it in this thread's record, if it is the longest since the last switch began.
  public static func noteHold(_ held: UInt64) {
    // A thread that was descheduled while the gate opened comes out of it in a later switch.
    let since = load(ProgramSwitching.measuredSince, .relaxed)
    ThreadRecord.current?.noteHold(min(held, nanoseconds &- since))
  }
}
