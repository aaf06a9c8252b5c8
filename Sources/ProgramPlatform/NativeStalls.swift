import LockPlatform
import UserSpaceShims

/// The native locks' own observation: a waiter that sees no progress for longer than any holder that runs
/// explains.
///
/// Native locks go on in the order in which threads came, so that all stand still behind one that is
/// descheduled, and whoever waits sees nothing else for a while. It says so in the process's state: from
/// there the policy takes it. Sections of a millisecond look the same, and there the cost of a lock's
/// operations, which is what a set is chosen by, is nothing.
///
/// Relaxed, all of it: a measure that nothing is concluded from about other memory. Any context; wait-free.
enum NativeStalls {
  /// Pauses without progress after which a waiter says so: about a millisecond of its own time.
  static let pauses: UInt32 = 1 << 15
  /// Pauses after which it says so again, if it still waits.
  static let interval: UInt32 = 1 << 12
  /// No report stands for more nanoseconds: at least so long was waited before each.
  static let most: UInt64 = 1_000_000

  /// Whether a waiter that has paused so often, 127 times more than a multiple of 128, has something to
  /// say: from where it sleeps between two looks, at each.
  @inline(__always)
  static func isLong(_ attempt: UInt32) -> Bool {
    attempt >= pauses
      && (attempt & (interval &- 1) == interval &- 1 || attempt >= LongWait.pauses)
  }

  /// A waiter has seen no progress.
  ///
  /// Reports of several waiters at one time are one stall: each stands for the time since the last, its
  /// own or another's. Of two at the same moment, one may count some of it twice.
  static func note() {
    guard ProgramMachine.entered(.relaxed) == .native else { return }
    let now = ProgramMachine.nanoseconds
    let before = ProgramMachine.exchange(now, at: seen, .relaxed)
    guard now > before else { return }
    ProgramMachine.add(min(now &- before, most), to: total)
  }

  /// For how long native locks stood still since the process began.
  static var nanoseconds: UInt64 { ProgramMachine.load(total, .relaxed) }

  // Words of the core's state, which lives as long as the process.
  private static var total: Location<UInt64> { unsafe Location(address: tidelock_state_stalled()) }
  private static var seen: Location<UInt64> {
    unsafe Location(address: tidelock_state_stall_seen())
  }
}
