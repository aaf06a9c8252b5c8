import LockPlatform
import LockSwitching
import QueuedSpinlocks
import UserSpaceShims

extension ProgramMachine: LockMachine {
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
    guard isParavirtual(waitWord) else { return }
    tidelock_futex_wait(word.address, value)
  }

  /// A futex wake-up.
  ///
  /// The word is in a thread's record, which stays mapped when the thread ends.
  public static func kick(_ word: Location<UInt32>) {
    guard isParavirtual(kickWord) else { return }
    tidelock_futex_wake(word.address)
  }

  // Words of the core's state, which lives as long as the process.
  static var waitWord: Location<UInt32> { unsafe Location(address: tidelock_state_wait()) }
  static var kickWord: Location<UInt32> { unsafe Location(address: tidelock_state_kick()) }

  /// Relaxed: only paravirtual bodies ask; what they call is in place before the first of them is
  /// entered, and stays until after the last has been left.
  private static func isParavirtual(_ word: Location<UInt32>) -> Bool {
    load(word, .relaxed) == UInt32(Implementation.paravirtual.rawValue)
  }

  /// True if the thread was last seen, on its way into a slow path, on the processor this runs on:
  /// then it cannot be running.
  ///
  /// What it cannot know: a thread descheduled on another processor, or one that has moved since.
  /// It says false then, or true of a thread that runs elsewhere by now.
  @inline(__always)
  public static func isPreempted(_ cpu: CPUNumber) -> Bool {
    let here = tidelock_processor()
    return here != UInt32.max && load(ThreadRecord(cpu).processor, .relaxed) == here
  }

  /// The timestamp counter.
  @inline(__always)
  public static var ticks: UInt64 { tidelock_timestamp() }

  /// A millisecond, in ticks.
  @inline(__always)
  public static var turn: UInt64 { tidelock_turn() }

  /// Counts in this thread's record; for a thread without one, in the core's state.
  @inline(__always)
  public static func count(_ event: LockEvent) {
    guard let thread = ThreadRecord.current else {
      add(1, to: unnumbered(event))
      return
    }
    thread.count(event)
  }

  /// What threads without a record have counted: a word of the core's state.
  static func unnumbered(_ event: LockEvent) -> Location<UInt64> {
    unsafe Location(address: tidelock_state_unnumbered_events() &+ UInt(event.rawValue) &* 8)
  }
}

extension ProgramMachine: SwitchMachine {
  /// Text of this process.
  public typealias Code = ProgramCode

  // MARK: Where the slow path leads

  /// In the core's state.
  @inline(__always)
  public static var slowPath: Location<UInt32> {
    // A word of the core's state, which lives as long as the process; so do those below.
    unsafe Location(address: tidelock_state_slow_path())
  }

  // MARK: What threads are counted for

  /// In this thread's record.
  @inline(__always)
  public static var mark: Location<UInt32>? { ThreadRecord.current?.mark }

  /// In that thread's record.
  public static func mark(of cpu: UInt32) -> Location<UInt32> { ThreadRecord(CPUNumber(cpu)).mark }

  /// One more than the highest number ever given out.
  public static var cpuEnd: UInt32 { load(ThreadRecord.end, .acquiring) }

  /// In the core's state.
  public static var counting: Location<UInt32> {
    unsafe Location(address: tidelock_state_counting())
  }

  /// In this thread's record.
  public static var references: UInt? { ThreadRecord.current?.references }

  /// In that thread's record.
  public static func references(of cpu: UInt32) -> UInt { ThreadRecord(CPUNumber(cpu)).references }

  /// Keeps a reference, if `barrier` is under way.
  @inline(__always)
  public static func acquired(_ lock: UInt) { References<ProgramMachine>.keep(lock) }

  // MARK: Waiting and time

  /// `sched_yield`: of the ways to wait at the gate, the one with the shortest switches.
  ///
  /// A thread that is held by `stopMachine` comes here in a handler nested over that.
  public static func yield(_ attempt: UInt32) {
    if LockStep<ProgramMachine>.isUnderWay { ProgramTarget.waitsAtGate() }
    if attempt >= LongWait.yields {
      LongWait.sleep(attempt &- LongWait.yields)
    } else {
      tidelock_yield()
    }
  }

  /// CLOCK_MONOTONIC.
  public static var nanoseconds: UInt64 { tidelock_nanoseconds() }

  /// Notes it in this thread's record, if it is the longest since the last switch began.
  public static func noteStall(_ nanoseconds: UInt64) {
    // A thread that was descheduled while the gate opened comes out of it in a later switch.
    let since = load(ProgramTarget.measuredSince, .relaxed)
    ThreadRecord.current?.noteStall(min(nanoseconds, Self.nanoseconds &- since))
  }

  // MARK: The lock-step

  /// In the core's state.
  public static var lockStepArea: UInt { tidelock_state_lock_step() }

  /// This thread's place, if it is in the handler that gathers.
  public static var gathered: GatheredCPU? {
    let place = tidelock_own_place()
    guard place != 0, !isLeader else { return nil }
    return GatheredCPU(
      acknowledgement: GatheringPlace(address: place).acknowledged,
      state: tidelock_own_gathering())
  }

  /// Whether this is the thread that switches.
  public static var isLeader: Bool {
    let place = tidelock_own_place()
    return place != 0 && place == GatheringPlace.leader.address
  }

  /// Looks at the place of every thread that was gathered; those that could not be are serialized.
  public static func haveAcknowledged(_ state: UInt64) -> Bool {
    Gathering.haveAcknowledged(state)
  }

  /// The last that the leader waited for.
  public static var straggler: Int32 {
    Int32(bitPattern: load(GatheringPlace.straggler, .relaxed))
  }

  /// IRET.
  public static func serializeThisCore() { tidelock_serialize_core() }

  /// A few pauses, then the processor: with more threads than processors the one that is waited for
  /// needs it.
  public static func relax(_ attempt: UInt32) {
    tidelock_pause()
    guard attempt & 31 == 31 else { return }
    if attempt >= LongWait.steps {
      LongWait.sleep(0)
    } else {
      tidelock_yield()
    }
  }
}
