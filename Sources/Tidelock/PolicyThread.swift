import Glibc
import LockPlatform
import ProgramPlatform
import ProgramSamples
import SwitchPolicy
import Synchronization

/// The thread that looks, decides and asks for switches; at most one in an image of the library.
///
/// All fields are guarded by `knowing`, which is never held while a switch is under way.
enum PolicyThread {
  nonisolated(unsafe) private static var current: ProgramPolicy?
  /// Which thread goes on; every other one ends at its next look.
  nonisolated(unsafe) private static var generation: UInt64 = 0
  nonisolated(unsafe) private static var isRunning = false
  nonisolated(unsafe) private static var isForChildren = false
  nonisolated(unsafe) private static var history = SwitchHistory()
  /// What an operator chose before the thread's first look.
  nonisolated(unsafe) private static var earlyPin: LockSet?

  /// Whether there is anything to be told to: until then nobody takes `knowing`, so that no fork finds it
  /// taken before the handlers of fork take it.
  ///
  /// Releasing and acquiring: whoever sees it sees the handlers in place.
  private static let isReady = Atomic(false)

  // Initialised by the first use, memory of their own for ever.
  nonisolated(unsafe) private static let knowing = unsafe makeMutex()
  /// Held while the thread carries out what it decided.
  nonisolated(unsafe) private static let acting = unsafe makeMutex()
  private static let memory = UInt(
    bitPattern: UnsafeMutableRawPointer.allocate(
      byteCount: DecisionLog.byteCount, alignment: 16))

  private static func makeMutex() -> UnsafeMutablePointer<pthread_mutex_t> {
    let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    unsafe pthread_mutex_init(mutex, nil)
    return unsafe mutex
  }

  private static func locked<Result, Failure: Error>(
    _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    unsafe pthread_mutex_lock(knowing)
    defer { unsafe pthread_mutex_unlock(knowing) }
    return try body()
  }

  // MARK: Beginning and ending

  private static let handlers: Void = {
    // Both are made before a fork can come to them.
    _ = unsafe (knowing, acting)
    _ = pthread_atfork(
      { PolicyThread.beforeFork() }, { PolicyThread.afterFork() }, { PolicyThread.startChild() })
  }()

  /// From here on switches are kept, and an operator's are told to the policy.
  static func prepare() {
    handlers
    isReady.store(true, ordering: .releasing)
  }

  /// Starts the thread, or gives a pinned set back to the one that runs; false if there is no thread to
  /// be had.
  static func start(inChildren: Bool) -> Bool {
    prepare()
    return locked {
      unsafe isForChildren = inChildren
      if unsafe isRunning {
        unsafe earlyPin = nil
        unsafe current?.giveBack()
        return true
      }
      unsafe current = nil
      unsafe earlyPin = nil
      unsafe generation += 1
      unsafe isRunning = HelperThread.start { PolicyThread.run() }
      return unsafe isRunning
    }
  }

  /// Ends the thread: when this returns, it makes no switch any more.
  static func stop() {
    locked {
      unsafe isRunning = false
      unsafe generation += 1
    }
    // Whoever holds it makes the last one.
    unsafe pthread_mutex_lock(acting)
    unsafe pthread_mutex_unlock(acting)
  }

  // MARK: The thread

  private static func run() {
    let mine = locked { unsafe generation }
    while true {
      let (pause, wanted) = locked { look(mine) }
      guard let pause else { return }
      if let wanted, let set = wanted.change { carryOut(wanted, to: set, mine) }
      HelperThread.sleep(pause)
    }
  }

  /// With `knowing` held: when to look again, nil if never, and what to do now.
  private static func look(_ mine: UInt64) -> (pause: UInt64?, wanted: Decision?) {
    guard unsafe mine == generation else { return (nil, nil) }
    let ran = OwnUse().ran
    guard unsafe current != nil else {
      // The memory is this log's: one is in use at a time.
      let place = unsafe UnsafeMutableRawPointer(bitPattern: memory)
      let log = unsafe DecisionLog(in: place.unsafelyUnwrapped)
      unsafe current = ProgramPolicy(
        in: LockOperations.current, leavingOut: HelperThread.number, log, at: HelperThread.now,
        ran: ran, stalled: LockOperations.stalled)
      if let set = unsafe earlyPin { unsafe current?.pin(set, at: HelperThread.now) }
      return unsafe (current?.pause, nil)
    }
    let wanted =
      unsafe current?.look(
        in: LockOperations.current, ran: ran, stalled: LockOperations.stalled,
        clock: { HelperThread.now }) ?? nil
    return unsafe (current?.pause, wanted)
  }

  private static func carryOut(_ decision: Decision, to set: LockSet, _ mine: UInt64) {
    unsafe pthread_mutex_lock(acting)
    defer { unsafe pthread_mutex_unlock(acting) }
    let isWanted = locked { unsafe mine == generation && current?.stillWants(set) == true }
    guard isWanted else { return }
    let reason: SwitchReason = decision.reason.isHint ? .hint : .policy
    let result = Result { () throws(SwitchError) in
      try LockOperations.switch(to: set, reason: reason)
    }
    locked {
      // Started anew meanwhile, it has seen the new set itself.
      guard unsafe mine == generation else { return }
      unsafe current?.ended(in: set, (try? result.get()) != nil, at: HelperThread.now)
    }
  }

  // MARK: The operator

  /// A switch has ended; what an operator has put in place stays until the policy is started again.
  static func note(_ report: SwitchReport) {
    guard isReady.load(ordering: .acquiring) else { return }
    locked {
      unsafe history.add(report)
      guard report.reason == .operator, report.failure == nil else { return }
      unsafe earlyPin = report.to
      unsafe current?.pin(report.to, at: HelperThread.now)
    }
  }

  // MARK: What is known

  static var runs: Bool { locked { unsafe isRunning } }
  static var pinned: LockSet? {
    locked { unsafe isRunning ? current.map(\.policy.pinned) ?? earlyPin : nil }
  }
  static var decisions: [DecisionLog.Entry] { locked { unsafe current?.decisions ?? [] } }
  static var switches: SwitchHistory { locked { unsafe history } }
  static var missing: [String] { locked { unsafe current?.missing ?? [] } }

  // MARK: Fork

  // The child has one thread, and it is not the policy's.
  private static func beforeFork() { unsafe pthread_mutex_lock(knowing) }
  private static func afterFork() { unsafe pthread_mutex_unlock(knowing) }

  private static func startChild() {
    // Whoever may have held it is not here.
    unsafe pthread_mutex_init(acting, nil)
    unsafe pthread_mutex_unlock(knowing)
    guard unsafe isRunning else { return }
    unsafe generation += 1
    unsafe current?.abandon()
    unsafe isRunning =
      isForChildren
      && HelperThread.start { PolicyThread.run() }
  }
}
