import LockPlatform
import LockSwitching
import QueuedSpinlocks
import UserSpaceShims

// The entries of struct tidelock_core that lock operations take, in any thread and signal handler.

/// Takes a lock that the fast path found taken.
@c(tidelock_core_lock_slow)
public func lockSlow(_ address: UInt) {
  // Contract of LockSites.h: the word of a lock, which lives until it is acquired and released.
  let lock = unsafe LockWord(address: address)
  guard let thread = ThreadRecord.current else {
    return CountedEntry<ProgramMachine>.slowPath(lock)
  }
  // Relaxed: advice for others (`isPreempted`).
  ProgramMachine.store(tidelock_processor(), to: thread.processor, .relaxed)
  let level = thread.beginsToWait(for: address)
  CountedEntry<ProgramMachine>.slowPath(lock)
  if let level { thread.waits(level, for: 0) }
}

/// Releases a lock whose byte was not 1 when the paravirtual unlock looked.
@c(tidelock_core_unlock_slow)
public func unlockSlow(_ address: UInt) {
  // Contract of LockSites.h: the word of a lock that the caller holds.
  ParavirtualQueue<ProgramMachine>.unlockSlow(unsafe LockWord(address: address))
}

extension ThreadRecord {
  /// Notes which lock is waited for, so that the child of a fork can tell its abandoned queues
  /// (Fork.swift).
  ///
  /// Relaxed: read only there, by the one thread that is left.
  @inline(__always)
  fileprivate func beginsToWait(for lock: UInt) -> UInt? {
    for level: UInt in 0..<4 where ProgramMachine.load(waitsFor(level), .relaxed) == 0 {
      waits(level, for: lock)
      return level
    }
    return nil
  }

  @inline(__always)
  fileprivate func waits(_ level: UInt, for lock: UInt) {
    ProgramMachine.store(UInt64(lock), to: waitsFor(level), .relaxed)
  }
}
