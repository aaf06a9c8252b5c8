import CodePatching
import LockPlatform
import LockSwitching
import UserSpaceShims

/// What is asked of the process's core when it is to switch.
public struct SwitchOrder {
  /// The set wanted.
  public var to: LockSet
  /// How the switch is carried out.
  public var `protocol`: SwitchProtocol
  /// What the protocol leaves open.
  public var options: SwitchOptions
  /// How sites are poked.
  public var method: PokeMethod
  /// In nanoseconds.
  public var timeLimit: UInt64
  /// Who asks.
  public var reason: SwitchReason

  /// An order.
  public init(
    to: LockSet, using protocol: SwitchProtocol = .staged, options: SwitchOptions = SwitchOptions(),
    method: PokeMethod, timeLimit: UInt64, reason: SwitchReason
  ) {
    self.to = to
    self.protocol = `protocol`
    self.options = options
    self.method = method
    self.timeLimit = timeLimit
    self.reason = reason
  }
}

/// What became of it.
public struct SwitchOutcome {
  /// What was done.
  public var report: SwitchReport
  /// Why not all of it.
  public var failure: SwitchFailure?
}

/// The core of the process: what there is one of.
enum Process {
  /// The set in force.
  static var set: LockSet {
    get {
      // Relaxed: advice to everybody but the thread that switches.
      LockSet(rawValue: UInt8(UserSpace.load(setWord, .relaxed))) ?? .native
    }
    set { UserSpace.store(UInt32(newValue.rawValue), to: setWord, .relaxed) }
  }

  // Words of the core's state, which lives as long as the process.
  private static var setWord: Location<UInt32> { unsafe Location(address: tidelock_state_set()) }
  static var switching: Location<UInt32> { unsafe Location(address: tidelock_state_switching()) }

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

  /// Makes the core ready, once: memory for threads and the lock hash, the barrier, the key, the
  /// handlers of fork.
  ///
  /// Contract: `images_lock` is held.
  static func start() {
    guard UserSpace.load(readiness, .relaxed) == 0 else { return }
    // Without memory no thread gets a number: locks work by test-and-set, switching is refused.
    let threads = tidelock_map(Int(TIDELOCK_THREADS * TIDELOCK_THREAD_SIZE))
    let hash = tidelock_map(Int(TIDELOCK_HASH_ENTRIES) * 16)
    let hasKey =
      unsafe tidelock_make_exit_key { record in
        ThreadRecord(address: UInt(bitPattern: record)).leave()
      } == 0
    // Relaxed: no other thread has come here without `images_lock`.
    UserSpace.store(Clock.assumedTicksPerTurn, to: Clock.turn, .relaxed)
    if threads != 0, hash != 0, hasKey {
      unsafe UserSpace.store(
        UInt64(hash), to: Location(address: tidelock_state_hash()), .relaxed)
      unsafe UserSpace.store(
        UInt64(threads), to: Location(address: tidelock_state_threads()), .relaxed)
    }
    Clock.begin()
    Fork.install()
    // Threads have its handlers, and other images its slow paths.
    tidelock_pin()
    UserSpace.store(tidelock_barrier_register() == 0 ? 1 : 2, to: readiness, .relaxed)
  }

  /// 0 before `start`, 1 when the process can switch, 2 when it cannot.
  private static var readiness: Location<UInt32> {
    unsafe Location(address: tidelock_state_is_ready())
  }

  /// There is something that cannot follow a switch and that nobody would notice.
  static func giveUpSwitching() {
    UserSpace.store(2, to: readiness, .relaxed)
  }

  private static var canSwitch: Bool {
    UserSpace.load(readiness, .relaxed) == 1 && tidelock_threads() != 0
  }

  // MARK: Switching

  static func perform(_ order: SwitchOrder) -> SwitchOutcome {
    var request = SwitchRequest(
      from: set, to: order.to, method: order.method, timeLimit: order.timeLimit,
      reason: order.reason, options: order.options)
    guard canSwitch else { return refused(request, order.protocol, .unsupported) }
    // Acquiring; pairs with the release below: the last switch is over, all of it.
    guard UserSpace.compareExchange(switching, expected: 0, desired: 1, .acquiring) == 0 else {
      return refused(request, order.protocol, .underWay)
    }
    defer { UserSpace.store(0, to: switching, .releasing) }
    request.from = set
    Clock.calibrate()
    Fork.rehearsePoke()
    let (report, failure) =
      switch order.protocol {
      case .staged: StagedSwitch<ProgramSwitching>.run(request)
      case .stopMachine: StopMachineSwitch<ProgramSwitching>.run(request)
      case .barrier: BarrierSwitch<ProgramSwitching>.run(request)
      }
    if failure == nil { set = request.to }
    return SwitchOutcome(report: report, failure: failure)
  }

  /// Switches because it must: see Unfollowing.
  static func retreat(_ order: SwitchOrder) -> SwitchFailure? { perform(order).failure }

  private static func refused(
    _ request: SwitchRequest, _ protocol: SwitchProtocol, _ failure: SwitchFailure
  ) -> SwitchOutcome {
    var report = SwitchReport(request, `protocol`)
    report.result = .refused
    return SwitchOutcome(report: report, failure: failure)
  }
}

/// How long a turn is in ticks of the timestamp counter, whose rate nobody tells a program.
enum Clock {
  /// A millisecond at 2.5 GHz: until the rate has been measured.
  static let assumedTicksPerTurn: UInt64 = 2_500_000
  static let turnNanoseconds: UInt64 = 1_000_000

  // Written once, by `begin`, before the process can switch.
  nonisolated(unsafe) private static var firstTicks: UInt64 = 0
  nonisolated(unsafe) private static var firstNanoseconds: UInt64 = 0

  static func begin() {
    unsafe firstTicks = tidelock_timestamp()
    unsafe firstNanoseconds = tidelock_nanoseconds()
  }

  /// Compares the two clocks over the time since the process began.
  ///
  /// Advice only: the locks are right with any value, and this is called where it comes to matter,
  /// before a switch.
  static func calibrate() {
    let nanoseconds = unsafe tidelock_nanoseconds() &- firstNanoseconds
    guard nanoseconds >= turnNanoseconds else { return }
    let ticks = unsafe tidelock_timestamp() &- firstTicks
    let perTurn = UInt64(Double(ticks) / Double(nanoseconds) * Double(turnNanoseconds))
    UserSpace.store(perTurn, to: turn, .relaxed)
  }

  /// A turn in ticks.
  ///
  /// In the core's state, which stays.
  static var turn: Location<UInt64> { unsafe Location(address: tidelock_state_turn()) }
}
