import Glibc
import LockPlatform
import SwitchPolicy

/// What the policy saw, decided and did; those in a row that are alike are one.
public typealias PolicyDecision = SwitchPolicy.DecisionLog.Entry

/// Chooses the set of lock operations, so that nobody has to.
///
///     try LockPolicy.automatic.start()
///
/// A thread of its own looks at what the program goes through: 40 times a second while it works, more
/// rarely if that took more than a hundredth of the time, and 10 times a second while it is idle. It
/// switches to the paravirtual set when threads wait for CPUs and native locks would stand still, and
/// back when they have CPUs to themselves. Each of these signals is enough, and ``missing`` names those
/// that are not to be had:
///
/// - how long threads that wanted to run had to wait (`/proc/self/task`);
/// - for how long a CPU quota kept the cgroup, or one around it, from running (`cpu.max` and `cpu.stat`);
/// - how much of the machine's time its host took (`/proc/stat`);
/// - pressure on the CPUs (`cpu.pressure`), where nobody says how long threads waited;
/// - for how long native locks stood still behind a thread that did not run, as their waiters saw it; sections
///   of a millisecond look the same to them;
/// - how often a CPU was taken from a thread: always known, and only a guess at how long it waited.
///
/// Every switch with the reason `.operator` that succeeds (``LockOperations``) pins its set: the policy goes
/// on looking and changes nothing until it is started again.
public struct LockPolicy: Sendable {
  /// The policy that follows what it sees.
  public static let automatic = LockPolicy()

  /// Starts the policy, from the set in force.
  ///
  /// If it runs already, a pinned set is given back to it. Any thread; not in a signal handler. The policy's thread takes no signals.
  ///
  /// - Parameter inChildren: whether the children of a later fork(2) have a policy, too; otherwise they
  ///   stay in the set that was in force.
  /// - Throws: ``LockPolicyError``.
  public func start(inChildren: Bool = false) throws(LockPolicyError) {
    guard PolicyThread.start(inChildren: inChildren) else { throw .noThread }
  }

  /// Stops the policy; the set in force stays.
  ///
  /// Waits for a switch of the policy's that is under way: at most 5 seconds, mostly milliseconds. Does
  /// nothing if no policy runs. Not in a signal handler, nor while holding a lock that a thread in a slow
  /// path may be waiting for.
  public func stop() { PolicyThread.stop() }

  /// Whether a policy runs.
  public static var isRunning: Bool { PolicyThread.runs }

  /// The set that was chosen by name and that the policy therefore keeps.
  public static var pinned: LockSet? { PolicyThread.pinned }

  /// The last 64 decisions since the policy was started, the oldest first.
  ///
  /// Waits for no switch; for a look of the policy's at most, mostly less than a millisecond.
  public static var decisions: [PolicyDecision] { PolicyThread.decisions }

  /// The signals that the policy does not have, and why; a sentence without a full stop each.
  public static var missing: [String] { PolicyThread.missing }
}

/// Why a policy could not be started.
public enum LockPolicyError: Error, Equatable, CustomStringConvertible {
  /// The system gave no thread.
  case noThread

  /// One sentence.
  public var description: String {
    switch self {
    case .noThread:
      "No thread could be started for the lock policy; raise the limit of threads (ulimit -u)."
    }
  }
}

extension PolicyDecision {
  /// When the first of the decisions that are alike was taken, on the system's monotonic clock
  /// (`CLOCK_MONOTONIC`, since some moment in the past).
  public var first: Duration { .nanoseconds(since) }
  /// When the last of them was taken.
  public var last: Duration { .nanoseconds(decision.time) }
}

extension PolicyDecision: CustomStringConvertible {
  /// One line: when, in which set, where to, why, and what was seen.
  public var description: String {
    var text = ""
    // ASCII, ended by a line feed.
    write { if $0 != 0x0a { text.unicodeScalars.append(Unicode.Scalar($0)) } }
    return text
  }
}

// MARK: For C (TidelockPolicy.h)

/// Starts the policy; 0, or EAGAIN if there is no thread to be had.
@_documentation(visibility: internal)
@c(tidelock_policy_start)
public func startPolicy(_ inChildren: Bool) -> Int32 {
  PolicyThread.start(inChildren: inChildren) ? 0 : EAGAIN
}

/// Stops the policy.
@_documentation(visibility: internal)
@c(tidelock_policy_stop)
public func stopPolicy() { PolicyThread.stop() }
