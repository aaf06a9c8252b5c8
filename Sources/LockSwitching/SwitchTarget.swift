import CodePatching
import LockPlatform

/// Why a switch was refused or undone.
@frozen public enum SwitchFailure: Error, Equatable, Sendable {
  /// Another one has not finished.
  case underWay
  /// Code could not be patched.
  case patch(PatchError)
  /// CPUs were still in the old slow path when the time was over.
  case notDrained(Implementation)
  /// A thread blocks the signal of the breakpoint method, so that its first breakpoint would kill
  /// the process.
  case breakpointsBlocked(thread: Int32)
  /// A thread blocks every signal that could gather it.
  case gatheringBlocked(thread: Int32)
  /// Every signal that could gather threads has a handler of the program's own.
  case noFreeSignal
  /// A CPU or thread did not come, or did not follow, in the time there was.
  case notGathered(thread: Int32)
  /// So many references were still counted when the time was over: what the published text calls
  /// `EAGAIN`.
  case notQuiescent(references: UInt32)
  /// The machine lacks something that switching needs.
  case unsupported
}

/// A running system whose lock operations can be switched.
public protocol SwitchTarget {
  /// Checks all that can be checked before the first write: every site of every operation that
  /// the plan pokes, and that the method can be used.
  static func prepare(_ plan: Plan, _ method: PokeMethod) throws(SwitchFailure)

  /// Puts another implementation of an operation in place everywhere, or nowhere; returns how many
  /// sites were written. When it returns, no CPU executes the old form of a site any more; bodies
  /// that were entered through it may still be running.
  static func poke(
    _ operation: LockOperation, from old: Implementation, to new: Implementation,
    by method: PokeMethod
  ) throws(SwitchFailure) -> UInt32

  /// Begins to wait for a slow path to be left. It is no longer in place.
  static func beginDrain() throws(SwitchFailure)

  /// Whether every CPU has been seen outside all slow paths since `beginDrain`. Acquiring: what
  /// they did in there is visible.
  static func isDrained() -> Bool

  /// Lets time pass between two looks.
  static func rest()

  /// A clock in nanoseconds.
  static var nanoseconds: UInt64 { get }

  /// Starts to note how long CPUs are held up, and how many breakpoints they meet.
  static func beginMeasuring()

  /// What was noted since.
  static var measured: (longestHold: UInt64, breakpoints: UInt64) { get }
}
