import CodePatching
import Glibc
import LockPlatform
import LockSwitching
import QueuedSpinlocks
import UserSpaceShims

/// What fork(2) needs: the child has one thread, a copy of everything, and must work.
///
/// Before: text may not be open, so the lock that guards it is taken. In the child: the thread that
/// may have been switching is gone, and so are all waiters. The queues of the vanished are dissolved,
/// and the child goes from whatever state it finds to the set that was wholly in place last. A lock
/// that a vanished thread held stays held, as with any lock.
enum Fork {
  static func install() {
    rehearse()
    _ = pthread_atfork({ Process.lockImages() }, { Process.unlockImages() }, { Fork.startChild() })
  }

  fileprivate static func startChild() {
    var signals: UInt64 = 0
    // Both calls only use the variable while they run. A handler finds a child that is whole.
    unsafe tidelock_renew_images_lock(&signals)
    defer { unsafe tidelock_restore_signals(&signals) }
    // Relaxed, all of it: there is only this thread.
    ProgramMachine.store(0, to: Images.handlers, .relaxed)
    ProgramMachine.store(0, to: Process.switching, .relaxed)
    ProgramMachine.store(0, to: Gathering.held, .relaxed)
    Retry.end()
    _ = tidelock_barrier_register()
    forgetOtherThreads()
    restore()
  }

  /// Dissolves the queues of the threads that are gone and frees their records.
  private static func forgetOtherThreads() {
    let me = tidelock_self()
    ThreadRecord.each { thread in
      if thread.address != me { forget(thread) }
    }
    guard me != 0 else { return }
    ProgramMachine.store(tidelock_tid(), to: ThreadRecord(address: me).tid, .relaxed)
  }

  private static func forget(_ thread: ThreadRecord) {
    for level: UInt in 0..<4 {
      let lock = ProgramMachine.load(thread.waitsFor(level), .relaxed)
      guard lock != 0 else { continue }
      ProgramMachine.store(0, to: thread.waitsFor(level), .relaxed)
      // Somebody waited for it when the process forked, so it was there, and its copy is.
      AbandonedQueue<ProgramMachine>.dissolve(unsafe LockWord(address: UInt(lock)))
    }
    AbandonedQueue<ProgramMachine>.forget(thread.number)
    References<ProgramMachine>.forget(thread.references)
    ProgramMachine.store(0, to: thread.mark, .relaxed)
    ProgramMachine.store(0, to: thread.tid, .relaxed)
  }

  /// Does once, before there is a child, what a child will do.
  ///
  /// Generic code that was not specialised asks the Swift runtime for its types the first time, and
  /// the runtime takes locks to make them. In a child threads that are gone may hold those for ever;
  /// what is known already is found without a lock. The poke of a site has no part in this: see
  /// `rehearsePoke`.
  private static func rehearse() {
    guard tidelock_threads() != 0 else { return }
    // Numbers are given out from the first: the last is nobody's yet.
    let nobody = ThreadRecord(CPUNumber(TIDELOCK_THREADS - 1))
    // Of a lock of its own, which nobody waits for.
    var word: UInt32 = 0
    unsafe withUnsafeMutablePointer(to: &word) {
      ProgramMachine.store(UInt64(UInt(bitPattern: $0)), to: nobody.waitsFor(0), .relaxed)
      forget(nobody)
    }
  }

  /// Pokes every site to what it holds: what a child that is forked in the middle of a switch will
  /// do, done once before the first switch.
  ///
  /// With `images_lock` held, which a fork waits for: a child comes before all of it, and then needs
  /// none of it, or after all of it. What fails here will fail in the switch, which says so.
  static func rehearsePoke() {
    guard !(unsafe hasRehearsedPoke) else { return }
    unsafe hasRehearsedPoke = true
    Process.withImages {
      // Pages that stay writable are closed again, and reported, by the switch.
      defer { _ = TextWindows.close(reporting: false) }
      var held = Batch()
      held[.unlock] = Process.state[.unlock].first
      let pokes = BatchPokes(held, of: ProgramSites(), in: Process.state)
      guard (try? Patcher<ProgramCode>.verify(pokes, .store)) != nil,
        (try? ProgramTarget.openWindows()) != nil
      else { return }
      try? Patcher<ProgramCode>.poke(pokes, .store)
    }
  }

  // Written only by the one thread that switches.
  nonisolated(unsafe) private static var hasRehearsedPoke = false

  /// Goes on from a switch that was under way, or stuck, when the process forked.
  ///
  /// If that fails (text that could be written a moment ago cannot be now) what is in place is a
  /// sound mixture, and the next switch goes on from it. There is nobody to wait for.
  private static func restore() {
    let set = Process.state.set
    guard !Process.state.isSettled(in: set) else { return }
    _ = SwitchRun<ProgramTarget>.run(
      SwitchRequest(to: set, poking: .store, timeLimit: 0, reason: .policy))
  }
}
