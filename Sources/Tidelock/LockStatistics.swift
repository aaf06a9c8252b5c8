import LockPlatform
import LockSites

/// What the slow paths of all threads have counted since the process began.
///
/// Approximate: threads count for themselves without synchronisation, and a signal handler may
/// swallow a count of the code it interrupts.
public struct LockStatistics: Sendable, Equatable {
  /// How often a lock was found taken.
  public let slowPaths: UInt64
  /// How often a lock was taken ahead of a paravirtual queue.
  public let steals: UInt64
  /// How often a thread joined a queue.
  public let queued: UInt64
  /// How often a waiter slept.
  public let halts: UInt64
  /// How often an unlock woke a waiter.
  public let kicks: UInt64
  /// How often a waiter had no queue node: more than four contexts nested on one thread, or more
  /// than 16,383 threads.
  public let withoutNode: UInt64
  /// How often a thread waited at the gate of a switch.
  public let gateWaits: UInt64
  /// How often a lock was released that nobody held: a mistake in the program.
  public let unbalancedUnlocks: UInt64

  init() {
    func count(_ event: LockEvent) -> UInt64 {
      // The core is there: this image is linked with one.
      unsafe tidelock_process_core().pointee.count(UInt32(event.rawValue))
    }
    slowPaths = count(.slowPath)
    steals = count(.steal)
    queued = count(.queued)
    halts = count(.halt)
    kicks = count(.kick)
    withoutNode = count(.noNode)
    gateWaits = count(.gate)
    unbalancedUnlocks = count(.unbalancedUnlock)
  }
}

extension LockStatistics: CustomStringConvertible {
  /// One line: each count by its name.
  public var description: String {
    """
    slow paths \(slowPaths), steals \(steals), queued \(queued), halts \(halts), kicks \(kicks), \
    without node \(withoutNode), gate waits \(gateWaits), unbalanced unlocks \(unbalancedUnlocks)
    """
  }
}
