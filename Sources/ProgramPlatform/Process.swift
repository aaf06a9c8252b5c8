import CodePatching
import LockPlatform
import LockSwitching
import UserSpaceShims

/// The core of the process: what there is one of.
enum Process {
  /// What is known of the lock operations.
  ///
  /// Relaxed: written by the thread that switches, and advice to everybody else, except for what
  /// sites hold, which is written with `images_lock` held.
  static var state: SwitchState {
    SwitchState(bits: ProgramMachine.load(ProgramTarget.state, .relaxed))
  }

  /// Holds the lock that guards the images and every poke.
  static func withImages<Result, Failure: Error>(
    _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    lockImages()
    defer { unlockImages() }
    return try body()
  }

  static func lockImages() {
    tidelock_lock_images()
  }

  static func unlockImages() {
    tidelock_unlock_images()
  }

  // MARK: Beginning

  /// Makes the core ready, once: the set to start in, memory for threads and the lock hash, the
  /// barrier, the key.
  ///
  /// Contract: `images_lock` is held.
  static func start() {
    guard ProgramMachine.load(readiness, .relaxed) == 0 else { return }
    begin(in: possible(firstSet))
    // Without memory no thread gets a number: locks work by test-and-set, switching is refused.
    let threads = tidelock_map(Int(TIDELOCK_THREADS * TIDELOCK_THREAD_SIZE))
    let hash = tidelock_map(Int(TIDELOCK_HASH_ENTRIES) * 16)
    let hasKey =
      unsafe tidelock_make_exit_key { record in
        ThreadRecord(address: UInt(bitPattern: record)).leave()
      } == 0
    // Relaxed: no other thread has come here without `images_lock`.
    ProgramMachine.store(Clock.assumedTicksPerTurn, to: Clock.turn, .relaxed)
    if threads != 0, hash != 0, hasKey {
      unsafe ProgramMachine.store(
        UInt64(hash), to: Location(address: tidelock_state_hash()), .relaxed)
      // Releasing; pairs with the load in `enroll`: a thread that takes a number, which it may do
      // before any image attaches, finds the set and the hash.
      unsafe ProgramMachine.store(
        UInt64(threads), to: Location(address: tidelock_state_threads()), .releasing)
    }
    ProgramMachine.store(tidelock_barrier_register() == 0 ? 1 : 2, to: readiness, .relaxed)
  }

  /// What the environment names; paravirtual otherwise, in which whoever changes only an import is not
  /// worse off than before.
  private static var firstSet: LockSet {
    // A word of the core's state, which lives as long as the process.
    let word = unsafe Location<UInt32>(address: tidelock_state_first_set())
    return LockSet(rawValue: UInt8(truncatingIfNeeded: ProgramMachine.load(word, .relaxed)))
      ?? .paravirtual
  }

  /// A set; or paravirtual, for which no text is written, if the kernel refuses to let any be.
  private static func possible(_ set: LockSet) -> LockSet {
    guard set.implementation(of: .unlock) != .paravirtual else { return set }
    // Pages that stay writable are reported by the first switch.
    defer { _ = TextWindows.close(reporting: false) }
    let text = tidelock_own_text()
    if (try? TextWindows.open(from: text, to: text &+ 1)) != nil { return set }
    unsafe ProgramMachine.store(
      UInt32(1), to: Location(address: tidelock_state_is_first_set_refused()), .relaxed)
    return .paravirtual
  }

  /// Puts in place what is not text of the set that the process starts in.
  ///
  /// Each image brings its sites when it attaches.
  ///
  /// Until a thread has a number, which is after this, it takes locks by test-and-set, which is sound
  /// beside every set.
  private static func begin(in set: LockSet) {
    ProgramMachine.store(SwitchState(set).bits, to: ProgramTarget.state, .relaxed)
    ProgramTarget.put(.wait, set.implementation(of: .wait))
    ProgramTarget.put(.kick, set.implementation(of: .kick))
    ProgramTarget.lead(to: set.implementation(of: .slowPath))
  }

  /// 0 before `start`, 1 when the process can switch, 2 when the kernel lacks the barrier, 3 when the
  /// program's exit has begun, 4 when there was no memory to know every image.
  private static var readiness: Location<UInt32> {
    unsafe Location(address: tidelock_state_is_ready())
  }

  /// There is something that cannot follow a switch and that nobody would notice.
  static func giveUpSwitching() {
    ProgramMachine.store(4, to: readiness, .relaxed)
  }

  /// Why the process cannot switch; nil if it can.
  private static var obstacle: SwitchFailure? {
    switch ProgramMachine.load(readiness, .relaxed) {
    case 1: tidelock_threads() == 0 ? .noMemory : nil
    case 3: .exiting
    case 4: .noMemory
    default: .unsupported
    }
  }

  private static var canSwitch: Bool { obstacle == nil }

  /// Whether there is anything of the core to look at.
  static var hasStarted: Bool { ProgramMachine.load(readiness, .relaxed) != 0 }

  // MARK: Switching

  /// 0 while nobody switches, 1 while somebody does because it was asked for, 2 while a switch that
  /// got stuck is tried again.
  ///
  /// In the core's state, which lives as long as the process.
  static var switching: Location<UInt32> { unsafe Location(address: tidelock_state_switching()) }

  static func perform(_ request: SwitchRequest) -> SwitchReport {
    perform(request) { SwitchRun<ProgramTarget>.run(request) }
  }

  /// Goes on with test-and-set, for an image with native unlocks that cannot be written.
  static func leaveQueues(timeLimit: UInt64) -> SwitchReport {
    let request = SwitchRequest(
      to: .testAndSet, poking: .store, timeLimit: timeLimit, reason: .policy)
    return perform(request) { SwitchRun<ProgramTarget>.leaveQueues(timeLimit: timeLimit) }
  }

  private static func perform(
    _ request: SwitchRequest, by run: () -> SwitchReport
  ) -> SwitchReport {
    func refused(_ failure: SwitchFailure) -> SwitchReport {
      SwitchReport(request, from: state.set, refusedFor: failure)
    }
    if let obstacle { return refused(obstacle) }
    // A handler over a switch could leave it by longjmp, end the thread, fork or switch, and nobody
    // would go on with it. Breakpoints are still met.
    var signals: UInt64 = 0
    // Both calls only use the variable while they run.
    unsafe tidelock_block_most_signals(&signals)
    defer { unsafe tidelock_restore_signals(&signals) }
    while true {
      // Acquiring; pairs with the release below: the last switch is over, all of it.
      let seen = ProgramMachine.compareExchange(
        switching, expected: 0, desired: 1, .acquiring)
      if seen == 0 { break }
      // A retry is nobody's request, and short.
      guard seen == 2 else { return refused(.underWay) }
      ProgramTarget.rest()
    }
    defer { ProgramMachine.store(0, to: switching, .releasing) }
    let began = Clock.Reading()
    let report = run()
    Clock.calibrate(since: began)
    switch report.result {
    case .stuck: Retry.begin()
    case .done, .unchanged, .refused, .undone: break
    }
    return report
  }

  /// Tries to bring everything to the set that was wholly in place last; true if it is.
  ///
  /// For a thread that goes on trying after a switch that got stuck, and that then ends.
  static func settle(within timeLimit: UInt64) -> Bool {
    // Acquiring, as above.
    guard canSwitch,
      ProgramMachine.compareExchange(switching, expected: 0, desired: 2, .acquiring) == 0
    else { return false }
    defer { ProgramMachine.store(0, to: switching, .releasing) }
    let set = state.set
    _ = SwitchRun<ProgramTarget>.run(
      SwitchRequest(to: set, poking: .store, timeLimit: timeLimit, reason: .policy))
    guard state.isSettled(in: set) else { return false }
    Retry.end()
    return true
  }
}

/// How long a turn is in ticks of the timestamp counter, whose rate nobody tells a program.
enum Clock {
  /// A millisecond at 2.5 GHz: until the rate has been measured.
  static let assumedTicksPerTurn: UInt64 = 2_500_000
  static let turnNanoseconds: Double = 1_000_000

  /// What both clocks showed at one time.
  struct Reading {
    let ticks = tidelock_timestamp()
    let nanoseconds = tidelock_nanoseconds()
  }

  /// Compares the two clocks over a switch.
  ///
  /// Not over the time since the process began: where it was resumed on another machine, or after the
  /// machine slept, one of them has jumped, and the turn rule would be wrong for good. Should that be
  /// while a switch lasts, the next one puts it right, and what no processor's clock can be is not
  /// believed.
  ///
  /// Advice only: the locks are right with any value.
  static func calibrate(since first: Reading) {
    let last = Reading()
    let nanoseconds = last.nanoseconds &- first.nanoseconds
    guard nanoseconds >= 20_000 else { return }
    let rate = Double(last.ticks &- first.ticks) / Double(nanoseconds)
    guard (0.1...10).contains(rate) else { return }
    ProgramMachine.store(UInt64(rate * turnNanoseconds), to: turn, .relaxed)
  }

  /// A turn in ticks.
  ///
  /// In the core's state, which stays.
  static var turn: Location<UInt64> { unsafe Location(address: tidelock_state_turn()) }
}
