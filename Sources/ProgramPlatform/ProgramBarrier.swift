import LockPlatform
import LockSwitching

/// A thread passes the barrier where it is in no lock operation (`References.keep`); nobody leads it
/// there.
extension ProgramTarget {
  static func setCounted(_ isCounted: Bool) {
    // Relaxed: before the first breakpoint is written; and see `Breakpoints.unlock`.
    ProgramMachine.store(isCounted ? 1 : 0, to: Breakpoints.areCounted, .relaxed)
  }
}
