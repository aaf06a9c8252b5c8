import CodePatching
import Glibc
import LockPlatform
import LockSwitching
import QueuedSpinlocks
import UserSpaceShims

/// The child of a fork(2), after `tidelock_lock_images` in its parent: text may not be open.
@c(tidelock_core_start_child)
public func startChild() { Fork.startChild() }

/// What fork(2) needs: the child has one thread, a copy of nearly everything, and must work.
///
/// The thread that may have been switching is gone, and so are all waiters. The queues of the vanished
/// are dissolved, and the child goes from whatever state it finds to the set that was wholly in place
/// last. A lock that a vanished thread held stays held, as with any lock.
///
/// All of it is specialised: generic code that is not asks the Swift runtime for its types the first
/// time, under locks that in a child threads that are gone may hold for ever.
enum Fork {
  fileprivate static func startChild() {
    var signals: UInt64 = 0
    // Both calls only use the variable while they run. A handler finds a child that is whole.
    unsafe tidelock_renew_images_lock(&signals)
    defer { unsafe tidelock_restore_signals(&signals) }
    guard Process.hasStarted else { return }
    // Relaxed, all of it: there is only this thread.
    ProgramMachine.store(0, to: Images.handlers, .relaxed)
    ProgramMachine.store(0, to: Process.switching, .relaxed)
    ProgramMachine.store(0, to: Gathering.held, .relaxed)
    Retry.end()
    _ = tidelock_barrier_register()
    dissolveQueues()
    eachOther(forget)
    if let me = own { ProgramMachine.store(tidelock_tid(), to: me.tid, .relaxed) }
    restore()
  }

  private static var own: ThreadRecord? {
    let address = tidelock_self()
    return address == 0 ? nil : ThreadRecord(address: address)
  }

  /// Visits the records of the threads that are gone.
  private static func eachOther(_ body: (ThreadRecord) -> Void) {
    let me = own
    ThreadRecord.each { thread in
      if thread != me { body(thread) }
    }
  }

  /// Visits the locks that threads which are gone waited for, as far as nobody has said that one is
  /// done with.
  private static func eachAwaited(_ body: (UInt) -> Bool) {
    eachOther { thread in
      for level: UInt in 0..<4 {
        let lock = UInt(ProgramMachine.load(thread.waitsFor(level), .relaxed))
        if lock != 0, body(lock) { ProgramMachine.store(0, to: thread.waitsFor(level), .relaxed) }
      }
    }
  }

  /// Removes waiters that are gone from the locks that are this process's own copies.
  ///
  /// A lock in shared memory is the parent's as well, whose threads still wait for it; one in memory
  /// that is not inherited (MADV_DONTFORK) is not there.
  private static func dissolveQueues() {
    var isAnyAwaited = false
    eachAwaited { _ in
      isAnyAwaited = true
      return false
    }
    guard isAnyAwaited else { return }
    do throws(SwitchFailure) {
      try ProcessMaps().each(from: 0, to: .max) { pages in
        guard !pages.isShared, pages.protection & PROT_WRITE != 0 else { return }
        eachAwaited { lock in
          guard pages.low <= lock, lock < pages.high else { return false }
          dissolve(lock)
          return true
        }
      }
    } catch {
      // No /proc, or no descriptors left: each page is asked for by itself.
      eachAwaited { lock in
        guard tidelock_is_own_copy(lock) else { return false }
        dissolve(lock)
        return true
      }
    }
    // The hash is this process's own, whatever the lock's word is.
    eachAwaited { lock in
      AbandonedQueue<ProgramMachine>.forgetHead(unsafe LockWord(address: lock))
      return true
    }
  }

  private static func dissolve(_ lock: UInt) {
    // Somebody waited for it when the process forked, so it was there, and its copy is.
    AbandonedQueue<ProgramMachine>.dissolve(unsafe LockWord(address: lock))
  }

  private static func forget(_ thread: ThreadRecord) {
    AbandonedQueue<ProgramMachine>.forget(thread.number)
    References<ProgramMachine>.forget(thread.references)
    ProgramMachine.store(0, to: thread.mark, .relaxed)
    ProgramMachine.store(0, to: thread.tid, .relaxed)
  }

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
