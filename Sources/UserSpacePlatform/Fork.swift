import CodePatching
import Glibc
import LockPlatform
import LockSwitching
import QueuedSpinlocks
import UserSpaceShims

/// What fork(2) needs: the child has one thread, a copy of everything, and must work.
///
/// Before: no poke may be under way, so the lock that guards them is taken. In the child: the
/// thread that may have been switching is gone, and so are all waiters; the child is put in the
/// set that was in force when the switch, if any, began, and the queues of the vanished are
/// dissolved. A lock that a vanished thread held stays held, as with any lock.
enum Fork {
  static func install() {
    rehearse()
    _ = pthread_atfork({ Process.lockImages() }, { Process.unlockImages() }, { Fork.startChild() })
  }

  fileprivate static func startChild() {
    tidelock_renew_images_lock()
    // Relaxed, all of it: there is only this thread.
    UserSpace.store(0, to: Images.handlers, .relaxed)
    UserSpace.store(0, to: Process.switching, .relaxed)
    UserSpace.store(0, to: Gathering.held, .relaxed)
    _ = tidelock_barrier_register()
    forgetOtherThreads()
    restore(Process.set)
  }

  /// Dissolves the queues of the threads that are gone and frees their records.
  private static func forgetOtherThreads() {
    let me = tidelock_self()
    ThreadRecord.each { thread in
      if thread.address != me { forget(thread) }
    }
    guard me != 0 else { return }
    UserSpace.store(tidelock_tid(), to: ThreadRecord(address: me).tid, .relaxed)
  }

  private static func forget(_ thread: ThreadRecord) {
    for level: UInt in 0..<4 {
      let lock = UserSpace.load(thread.waitsFor(level), .relaxed)
      guard lock != 0 else { continue }
      UserSpace.store(0, to: thread.waitsFor(level), .relaxed)
      // Somebody waited for it when the process forked, so it was there, and its copy is.
      AbandonedQueue<UserSpace>.dissolve(unsafe LockWord(address: UInt(lock)))
    }
    AbandonedQueue<UserSpace>.forget(thread.number)
    References<UserSpace>.forget(thread.references)
    UserSpace.store(0, to: thread.mark, .relaxed)
    UserSpace.store(0, to: thread.tid, .relaxed)
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
      UserSpace.store(UInt64(UInt(bitPattern: $0)), to: nobody.waitsFor(0), .relaxed)
      forget(nobody)
    }
    restore(Process.set)
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
      let sites = AllSites()
      let now = UserSpace.implementation(of: .unlock)
      _ = try? ProgramSwitching.pokeText(sites, sites.bounds, from: now, to: now, by: .store)
    }
  }

  // Written only by the one thread that switches.
  nonisolated(unsafe) private static var hasRehearsedPoke = false

  /// Puts every operation as a set has it.
  ///
  /// Nobody waits and nobody else runs, so no order is wrong.
  private static func restore(_ set: LockSet) {
    let operations: [LockOperation] = [.unlock, .wait, .kick, .vcpuIsPreempted, .slowPath]
    for operation in operations {
      let now = UserSpace.implementation(of: operation)
      let wanted = set.implementation(of: operation)
      guard now != wanted else { continue }
      do {
        _ = try ProgramSwitching.poke(operation, from: now, to: wanted, by: .store)
      } catch {
        // Text that could be written a moment ago cannot be now. Test-and-set is sound beside
        // either unlock.
        Process.set = .testAndSet
        _ = try? ProgramSwitching.poke(.slowPath, from: now, to: .testAndSet, by: .store)
        return
      }
    }
  }
}
