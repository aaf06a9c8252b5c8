import CodePatching
import LockPlatform
import LockSites
import LockSwitching
import ProgramPlatform

/// The lock operations of this process: which set is in force, and how to change it.
///
/// A program starts in `.paravirtual`, unless the environment variable `TIDELOCK_SET` names another set
/// (`native`, `paravirtual`, `test-and-set`), or `auto`: then ``LockPolicy/automatic`` is started with the
/// program and with its children, without a line in it. To choose a set from within, switch before the
/// first lock is used.
///
///     let report = try LockOperations.switch(to: .paravirtual)
///     print(report.duration, LockOperations.current)
public enum LockOperations {
  /// The set in force.
  ///
  /// While a switch is under way, the one it started from.
  public static var current: LockSet {
    // The core is there: this image is linked with one.
    let value = unsafe tidelock_process_core().pointee.current()
    guard let set = LockSet(rawValue: UInt8(truncatingIfNeeded: value)) else {
      preconditionFailure("tidelock: the core of this process names a set that does not exist")
    }
    return set
  }

  /// Switches all locks of the process, in the program and every loaded library, while all threads
  /// go on taking them.
  ///
  /// Threads need not know, and are not stopped unless the protocol is `.stopMachine`.
  ///
  /// Returns when the new set is in force everywhere; all or nothing. Switching to the set in
  /// force does nothing. Do not call it in a signal handler, or while holding a lock that a thread
  /// in a slow path may be waiting for: the drain waits for that thread until it times out.
  ///
  /// It blocks the thread meanwhile, mostly for less than a millisecond and at most for the time limit and
  /// as long again for undoing it; in an asynchronous function the form that suspends is chosen.
  ///
  /// One switch at a time: a second one is refused at once, as `.underWay`. Whoever wants to be next tries
  /// again after a pause, as the policy does; nothing is queued, because by then another set may be right.
  ///
  /// - Parameters:
  ///   - set: the set wanted.
  ///   - protocol: how the switch is carried out.
  ///   - method: how patch sites are changed. `.breakpoint` needs SIGTRAP unblocked in every
  ///     thread and puts a handler there that passes on what is not its own.
  ///   - options: for `.stopMachine` and `.barrier`, which use breakpoints whatever the method.
  ///   - timeLimit: after this the switch is undone and an error thrown.
  ///   - reason: who asked; the report says so. What an operator chose, a ``LockPolicy`` keeps.
  /// - Returns: what was done and what it cost.
  /// - Throws: why it failed, with the report of what was done and undone.
  @discardableResult
  public static func `switch`(
    to set: LockSet, using protocol: SwitchProtocol = .staged, poking method: PokeMethod = .store,
    options: SwitchOptions = SwitchOptions(), timeLimit: Duration = .seconds(5),
    reason: SwitchReason = .operator
  ) throws(SwitchError) -> SwitchReport {
    let request = SwitchRequest(
      to: set, using: `protocol`, options: options, poking: method,
      timeLimit: timeLimit.wholeNanoseconds, reason: reason)
    // The core may be another image's, of the same version: `tidelock_core.perform`.
    let report = unsafe withUnsafePointer(to: request) { request in
      unsafe withUnsafeTemporaryAllocation(of: SwitchReport.self, capacity: 1) { report in
        unsafe tidelock_process_core().pointee.perform(request, report.baseAddress)
        return unsafe report[0]
      }
    }
    PolicyThread.note(report)
    if let failure = report.failure { throw SwitchError(failure, report) }
    return report
  }

  /// Has the switches of this image kept from here on; a policy that starts does so, too.
  package static func recordsHistory() { PolicyThread.prepare() }

  /// The switches of this image since then.
  package static var history: SwitchHistory { PolicyThread.switches }

  /// For how long native locks stood still behind a thread that did not run, as their waiters saw it, in
  /// nanoseconds since the process began.
  ///
  /// Nil if the core of this process, another image's, is of a version that does not look.
  package static var stalled: Int64? {
    // The core is there: this image is linked with one. That of an earlier version ends before the member.
    guard let core = unsafe tidelock_process_core(),
      let offset = MemoryLayout<tidelock_core>.offset(of: \.stalled),
      unsafe Int(core.pointee.size) > offset
    else { return nil }
    return unsafe Int64(clamping: core.pointee.stalled())
  }

  /// What all threads of the process have counted so far.
  public static var statistics: LockStatistics { LockStatistics() }
}
