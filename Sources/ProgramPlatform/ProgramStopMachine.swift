import Glibc
import LockPlatform
import LockSwitching
import UserSpaceShims

/// The handler of the signal that gathers: stays until all may go on.
///
/// In a signal handler: it reads, stores, and makes system calls only.
@c(tidelock_core_gather)
public func gather(
  _ signal: Int32, _ info: UnsafeMutablePointer<siginfo_t>?, _ context: UnsafeMutableRawPointer?
) {
  // Again, if another gathering has begun meanwhile: it may have asked by another signal, whose
  // handler came over this one and left the answer to it.
  while tidelock_own_place() == 0 {
    // In this order: places are taken from their threads before the next gathering begins, so one
    // that is ours is so in this gathering or was in an earlier one.
    let state = LockStep<ProgramMachine>.current
    // It may have been sent twice, or late.
    guard LockStep<ProgramMachine>.isUnderWay, let place = GatheringPlace.of(tidelock_tid()),
      ProgramMachine.load(place.acknowledged, .relaxed) == 0
    else { return }
    stay(at: place, state)
  }
}

private func stay(at place: GatheringPlace, _ state: UInt64) {
  // A thread inside a slow path may be waiting for one that is held already.
  let record = tidelock_self()
  if record != 0, ProgramMachine.load(ThreadRecord(address: record).mark, .relaxed) != 0 {
    ProgramMachine.store(GatheringPlace.inside, to: place.acknowledged, .releasing)
    return
  }
  let began = ProgramMachine.nanoseconds
  ProgramMachine.add(1, to: Gathering.held)
  tidelock_set_own_gathering(state)
  tidelock_set_own_place(place.address)
  LockStep<ProgramMachine>.follow()
  tidelock_set_own_place(0)
  Gathering.noteStall(ProgramMachine.nanoseconds &- began)
  // After the note, which is complete when nobody is held.
  ProgramMachine.add(.max, to: Gathering.held)
}

/// Brings every thread of the process into the handler above.
enum Gathering {
  // Written only by the thread that switches.
  nonisolated(unsafe) private static var signal: Int32 = 0
  /// 0 if there is none.
  nonisolated(unsafe) private static var reserve: Int32 = 0
  nonisolated(unsafe) private static var tids: UInt = 0

  // Words of the core's state, which lives as long as the process.
  static var held: Location<UInt32> { unsafe Location(address: tidelock_state_held()) }
  static var longestStall: Location<UInt64> {
    unsafe Location(address: tidelock_state_longest_stall())
  }

  private static var places: Location<UInt64> { unsafe Location(address: tidelock_state_places()) }

  fileprivate static func noteStall(_ nanoseconds: UInt64) {
    // Relaxed: read when nobody is held.
    var longest = ProgramMachine.load(longestStall, .relaxed)
    while longest < nanoseconds {
      let seen = ProgramMachine.compareExchange(
        longestStall, expected: longest, desired: nanoseconds, .relaxed)
      if seen == longest { return }
      longest = seen
    }
  }

  // MARK: Before

  /// Finds a signal that nobody uses and every thread lets through, and installs the handler.
  ///
  /// It stays: the signal may reach a thread after the switch has given up waiting for it.
  static func prepare(blockingAll: Bool) throws(SwitchFailure) {
    // Asked by numbers of another namespace, threads of others would be meant, or nobody.
    guard try SwitchFailure.checked(tidelock_knows_tasks()) != 0 else {
      throw .unchecked(.otherNamespace)
    }
    if ProgramMachine.load(places, .relaxed) == 0 {
      let memory = tidelock_map(Int(TIDELOCK_PLACES) * Int(TIDELOCK_PLACE_SIZE))
      unsafe tids = tidelock_map(Int(TIDELOCK_THREADS) * MemoryLayout<UInt32>.stride)
      guard memory != 0, unsafe tids != 0 else { throw .noMemory }
      // Relaxed: handlers come after the signal.
      ProgramMachine.store(UInt64(memory), to: places, .relaxed)
    }
    try chooseInTime()
    for chosen in unsafe [signal, reserve] where chosen != 0 {
      guard tidelock_gather_install(chosen, blockingAll) == 0 else { throw .noFreeSignal }
    }
  }

  /// A thread may block all of them for a moment only: in a handler, that of a gathering which was
  /// given up among them.
  ///
  /// Only one that does so at every look, for a fifth of a second, is in the way.
  private static func chooseInTime() throws(SwitchFailure) {
    for _ in 0..<200 {
      do throws(SwitchFailure) {
        return try choose()
      } catch {
        guard case .gatheringBlocked = error else { throw error }
      }
      // Not a synchronisation: only how often one looks.
      tidelock_sleep(1_000_000)
    }
    try choose()
  }

  /// Real-time signals from the last, which programs that want one take last; then SIGPROF.
  ///
  /// That is the one that the threads of libdispatch, and so Swift's concurrency, leave open and that
  /// no instruction raises. It is also the reserve: only a standard signal gets through when as many signals are
  /// pending as the user may have.
  private static func choose() throws(SwitchFailure) {
    var masks: [(thread: Int32, blocked: UInt64)] = []
    try Tasks.each { thread, blocked in
      masks.append((thread, blocked))
      return true
    }
    func isOpen(_ signal: Int32) -> Bool { !masks.contains { $0.blocked.blocks(signal) } }
    let free = (Array((34...64).reversed()) + [SIGPROF]).filter(tidelock_gather_may_use)
    guard let last = free.last else { throw .noFreeSignal }
    guard let chosen = free.first(where: isOpen) else {
      // A thread that blocks all of them, or else one that blocks the last resort.
      let blocker =
        masks.first { mask in free.allSatisfy(mask.blocked.blocks) }
        ?? masks.first { $0.blocked.blocks(last) }
      throw .gatheringBlocked(thread: blocker?.thread ?? 0)
    }
    unsafe signal = chosen
    unsafe reserve = last == SIGPROF && isOpen(SIGPROF) ? SIGPROF : 0
  }

  // MARK: Gathering

  /// Returns when every other thread is held.
  ///
  /// From the first that is held on: no allocation and no lock.
  static func gather(until deadline: UInt64) throws(SwitchFailure) {
    let tasks = try SwitchFailure.checked(tidelock_open_tasks())
    defer { tidelock_close(tasks) }
    while true {
      forgetPlaces()
      unsafe hasExcused = false
      unsafe lookFailure = nil
      let first = LockStep<ProgramMachine>.begin(until: deadline)
      if callAll(tasks, first, deadline) { return }
      let isLate = LockStep<ProgramMachine>.hasGivenUp
      LockStep<ProgramMachine>.letGo()
      awaitDeparture(until: deadline)
      if let failure = unsafe lookFailure { throw failure }
      if isLate { throw .notGathered(thread: ProgramMachine.straggler) }
      // Somebody was inside a slow path, on the way to the gate. Ask again when it is outside.
      try ProgramTarget.beginDrain()
      while !ProgramTarget.isDrained(), ProgramMachine.nanoseconds < deadline {
        ProgramTarget.rest()
      }
    }
  }

  /// Takes every place from its thread.
  private static func forgetPlaces() {
    // Releasing, like the store that begins the next gathering; pairs with the loads in `gather`.
    for index in 0..<ProgramMachine.load(GatheringPlace.end, .relaxed) {
      ProgramMachine.store(0, to: GatheringPlace(index).tid, .releasing)
    }
    ProgramMachine.store(1, to: GatheringPlace.end, .relaxed)
  }

  /// Asks every thread, and those that appear meanwhile; true when all are held.
  private static func callAll(_ tasks: Int32, _ first: UInt64, _ deadline: UInt64) -> Bool {
    while true {
      // Contract of `prepare`: room for as many.
      let list = unsafe UnsafeMutablePointer<UInt32>(bitPattern: tids).unsafelyUnwrapped
      let count = unsafe tidelock_list_tasks(tasks, list, Int32(TIDELOCK_THREADS))
      guard hasLooked(count), count <= TIDELOCK_THREADS else { return giveUp() }
      var asked = 0
      for index in 0..<Int(count) {
        let tid = unsafe list[index]
        guard tid != tidelock_tid(), GatheringPlace.of(tid) == nil else { continue }
        guard ask(tid, deadline) else { return false }
        asked += 1
      }
      // A listing during which threads end may leave out others. When the one that found nobody
      // new has as many as there are, nobody is left who could start another.
      let all = tidelock_count_tasks(tasks)
      guard hasLooked(all), ProgramMachine.nanoseconds < deadline else { return giveUp() }
      if asked == 0, count == all { return true }
      guard haveCome(tasks, first, deadline) else { return false }
    }
  }

  /// Why threads cannot be looked at, if so.
  nonisolated(unsafe) private static var lookFailure: SwitchFailure?

  /// Whether a look at the threads succeeded; if not, that is why gathering ends.
  private static func hasLooked(_ result: Int32) -> Bool {
    do throws(SwitchFailure) {
      _ = try SwitchFailure.checked(result)
      return true
    } catch {
      unsafe lookFailure = error
      return false
    }
  }

  private static func giveUp() -> Bool {
    LockStep<ProgramMachine>.giveUp()
    return false
  }

  private static func ask(_ tid: UInt32, _ deadline: UInt64) -> Bool {
    let index = ProgramMachine.load(GatheringPlace.end, .relaxed)
    let place = GatheringPlace(index)
    ProgramMachine.store(0, to: place.acknowledged, .relaxed)
    ProgramMachine.store(0, to: place.isExcused, .relaxed)
    // Releasing, both; pair with the loads in `GatheringPlace.of`.
    ProgramMachine.store(tid, to: place.tid, .releasing)
    ProgramMachine.store(index + 1, to: GatheringPlace.end, .releasing)
    while true {
      var result = unsafe tidelock_gather_ask(signal, tid)
      if result == -EAGAIN, unsafe reserve != 0 {
        result = unsafe tidelock_gather_ask(reserve, tid)
      }
      if result == 0 { return true }
      if result == -ESRCH {
        ProgramMachine.store(1, to: place.isExcused, .relaxed)
        return true
      }
      // As many signals are pending as the user may have.
      ProgramMachine.store(tid, to: GatheringPlace.straggler, .relaxed)
      guard result == -EAGAIN, ProgramMachine.nanoseconds < deadline else { return giveUp() }
      ProgramTarget.rest()
    }
  }

  /// Waits for an answer of each thread that was asked; true if all are held.
  private static func haveCome(_ tasks: Int32, _ first: UInt64, _ deadline: UInt64) -> Bool {
    for index in 1..<ProgramMachine.load(GatheringPlace.end, .relaxed) {
      let place = GatheringPlace(index)
      var attempt: UInt32 = 0
      while ProgramMachine.load(place.isExcused, .relaxed) == 0 {
        // Acquiring; pairs with the release of the answer.
        let answer = ProgramMachine.load(place.acknowledged, .acquiring)
        if answer == first { break }
        if answer == GatheringPlace.inside { return false }
        let tid = ProgramMachine.load(place.tid, .relaxed)
        ProgramMachine.store(tid, to: GatheringPlace.straggler, .relaxed)
        // A handler nested over us had to wait, or a follower saw that the deadline has passed.
        guard LockStep<ProgramMachine>.isUnderWay else { return false }
        if attempt & 255 == 255, !mayExcuse(place, tasks, tid) { return giveUp() }
        if ProgramMachine.nanoseconds >= deadline { return giveUp() }
        ProgramMachine.relax(attempt)
        attempt &+= 1
      }
    }
    return true
  }

  /// Does not wait any longer for a thread that has ended, or that the C library is creating or
  /// ending, with every signal blocked (see `Tasks.each`).
  ///
  /// The latter may be waiting for a lock of the library that somebody held has. It cannot come to a
  /// site without letting the pending signal through first; a thread that it creates can, and meets
  /// breakpoints, which are emulated for a thread that is not gathered. Both are serialized by membarrier.
  ///
  /// False if the thread cannot be looked at, which excuses nobody.
  private static func mayExcuse(_ place: GatheringPlace, _ tasks: Int32, _ tid: UInt32) -> Bool {
    var blocked: UInt64 = 0
    let exists = unsafe tidelock_task_blocks(tasks, tid, &blocked)
    guard hasLooked(exists) else { return false }
    guard exists == 0 || blocked.blocks(32) else { return true }
    ProgramMachine.store(1, to: place.isExcused, .relaxed)
    if exists != 0 { unsafe hasExcused = true }
    return true
  }

  /// Whether a thread that still runs does not follow the lock-step.
  nonisolated(unsafe) private static var hasExcused = false

  /// Says of a thread at the gate that it cannot be held, if it blocks the signal: most likely a
  /// handler came between the signal and the first instruction of ours.
  static func answerIfKept() {
    guard let place = GatheringPlace.of(tidelock_tid()),
      ProgramMachine.load(place.acknowledged, .relaxed) == 0
    else { return }
    let blocked = tidelock_blocked_signals()
    if unsafe blocked.blocks(signal) || reserve != 0 && blocked.blocks(reserve) {
      ProgramMachine.store(GatheringPlace.inside, to: place.acknowledged, .releasing)
    }
  }

  /// Whether every thread that was gathered has acknowledged a state; those that could not be
  /// gathered are serialized.
  static func haveAcknowledged(_ state: UInt64) -> Bool {
    // Relaxed: only the leader writes it.
    for index in 1..<ProgramMachine.load(GatheringPlace.end, .relaxed) {
      let place = GatheringPlace(index)
      if ProgramMachine.load(place.isExcused, .relaxed) != 0 { continue }
      guard ProgramMachine.load(place.acknowledged, .acquiring) == state else {
        let tid = ProgramMachine.load(place.tid, .relaxed)
        ProgramMachine.store(tid, to: GatheringPlace.straggler, .relaxed)
        return false
      }
    }
    return unsafe !hasExcused || ProgramCode.serializeCores()
  }

  // MARK: Afterwards

  /// Waits until those that were held have gone on: only they know how long it was.
  ///
  /// A handler nested over one may keep it; then its time is not known.
  static func awaitDeparture(until deadline: UInt64) {
    var attempt: UInt32 = 31
    while ProgramMachine.load(held, .acquiring) != 0, ProgramMachine.nanoseconds < deadline {
      ProgramMachine.relax(attempt)
      attempt &+= 32
    }
  }
}

extension ProgramTarget {
  /// A signal comes anywhere.
  static var gathersOutsideSlowPaths: Bool { false }

  /// What is done while threads are gathered, for a context nested over the leader.
  nonisolated(unsafe) private static var work: StopMachineWork<ProgramTarget>?

  static func gather(
    for work: StopMachineWork<ProgramTarget>, _ mode: StopMode
  ) throws(SwitchFailure) -> StopMachineOutcome {
    var signals: UInt64 = 0
    // Both calls only use the variable while they run.
    if mode == .nmi { unsafe tidelock_block_signals(&signals) }
    defer { if mode == .nmi { unsafe tidelock_restore_signals(&signals) } }
    tidelock_set_own_place(GatheringPlace.leader.address)
    defer { tidelock_set_own_place(0) }
    // From here until all are let go: no allocation and no lock; a thread that is held may have it.
    try Gathering.gather(until: work.deadline)
    unsafe Self.work = work
    let outcome = work.lead()
    unsafe Self.work = nil
    LockStep<ProgramMachine>.letGo()
    Gathering.awaitDeparture(until: work.deadline)
    return outcome
  }

  /// Called where a thread waits at the gate while threads are held, perhaps for a lock that one of
  /// them has.
  ///
  /// A thread that is gathered, and comes here in a handler nested over that, goes on acknowledging.
  /// The leader itself is in a slow path now: as with every other thread that ends the gathering,
  /// after what is left of the work.
  static func waitsAtGate() {
    guard tidelock_own_place() != 0 else { return Gathering.answerIfKept() }
    guard ProgramMachine.isLeader else { return LockStep<ProgramMachine>.answer() }
    if let work = unsafe work { _ = work.lead() }
    LockStep<ProgramMachine>.letGo()
  }
}
