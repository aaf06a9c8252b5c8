import CodePatching
import LockPlatform
import LockSwitching
import ProgramPlatform

// A file of its own, without a type: the linker leaves it out where nobody awaits a switch.

extension LockOperations {
  /// Switches as the form that blocks does, on a thread of the library's own: the task suspends, and
  /// blocks neither a thread of Swift Concurrency's pool nor the main actor.
  ///
  /// Cancelling the task does not end the switch; its time limit does. If the system has no thread to
  /// give, the switch runs, and blocks, where it was asked for.
  ///
  /// - Throws: why it failed, with the report of what was done and undone.
  @discardableResult
  nonisolated(nonsending) public static func `switch`(
    to set: LockSet, using protocol: SwitchProtocol = .staged, poking method: PokeMethod = .store,
    options: SwitchOptions = SwitchOptions(), timeLimit: Duration = .seconds(5),
    reason: SwitchReason = .operator
  ) async throws(SwitchError) -> SwitchReport {
    let work: @Sendable () -> Result<SwitchReport, SwitchError> = {
      Result { () throws(SwitchError) in
        try LockOperations.switch(
          to: set, using: `protocol`, poking: method, options: options, timeLimit: timeLimit,
          reason: reason)
      }
    }
    let result = await withCheckedContinuation { continuation in
      let hasStarted = HelperThread.perform { continuation.resume(returning: work()) }
      if !hasStarted { continuation.resume(returning: work()) }
    }
    return try result.get()
  }
}
