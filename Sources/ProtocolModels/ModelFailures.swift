import LockPlatform
import LockSwitching
import ModelChecker

/// What the machine refuses: at each call that may fail the explorer chooses whether it does, as long
/// as the model has failures left.
///
/// What the step did before stays, and everybody may have seen it.
enum ModelFailures {
  /// Which calls may be refused.
  enum Calls: UInt8 {
    /// All that a machine may refuse.
    case all
    /// Those that end a phase of a poke, and come after all of its effects; and whatever takes time.
    case phaseEnds
    /// None, but what takes time may take too much.
    case none
  }

  /// Whether this call of the switching CPU is refused.
  static func occurs(endsPhase: Bool = false) -> Bool {
    switch ModelSettings.current.failingCalls {
    case .all: chosen()
    case .phaseEnds: endsPhase && chosen()
    case .none: false
    }
  }

  /// Whether the time is over.
  static func timeIsOver() -> Bool {
    guard chosen() else { return false }
    Simulated.store(
      Simulated.load(ModelMemory.clock, .relaxed) &+ 1, to: ModelMemory.clock, .relaxed)
    return true
  }

  /// Lets time pass where a CPU waits; whether that is too much the protocol says.
  static func letTimePass() {
    guard isOffered, Simulated.choose(2) == 1 else { return }
    Simulated.store(
      Simulated.load(ModelMemory.failures, .relaxed) &+ 1, to: ModelMemory.failures, .relaxed)
    Simulated.store(
      Simulated.load(ModelMemory.clock, .relaxed) &+ 1, to: ModelMemory.clock, .relaxed)
  }

  /// A context nested over the switch leaves what it cannot finish to it.
  private static var isOffered: Bool {
    Simulated.load(ModelMemory.failures, .relaxed) < UInt64(ModelSettings.current.failures)
      && ModelMachine.isSwitcher
      && Simulated.load(ModelMemory.nesting(Simulated.cpu), .relaxed) == 0
  }

  private static func chosen() -> Bool {
    guard isOffered, Simulated.choose(2) == 1 else { return false }
    let failures = Simulated.load(ModelMemory.failures, .relaxed)
    Simulated.note("fails, as number", failures &+ 1)
    Simulated.store(failures &+ 1, to: ModelMemory.failures, .relaxed)
    note()
    return true
  }

  /// A step of the switch under way has failed.
  static func note() {
    let now = Simulated.load(ModelMemory.failuresNow, .relaxed)
    if now == 0 {
      let before = Simulated.load(ModelMemory.stateBefore, .relaxed)
      let isLate = Simulated.load(ModelMemory.state, .relaxed) != before
      Simulated.store(isLate ? 1 : 0, to: ModelMemory.failedLate, .relaxed)
    }
    Simulated.store(now &+ 1, to: ModelMemory.failuresNow, .relaxed)
    Simulated.store(1, to: ModelMemory.failedInText, .relaxed)
  }

  /// What must become of a switch, by what has failed in it.
  static func expected(
    _ request: SwitchRequest, _ failure: SwitchFailure?
  ) -> (SwitchResult, or: SwitchResult) {
    let before = SwitchState(bits: Simulated.load(ModelMemory.stateBefore, .relaxed))
    if before.isSettled(in: request.to) { return (.unchanged, .unchanged) }
    // Of a lock-step two calls failed, of which the second was to make up for the first.
    let failures =
      Simulated.load(ModelMemory.failuresNow, .relaxed) &- (failure == .unsound ? 1 : 0)
    switch failures {
    // The time was over, and what that called for was refused.
    case 0 where failure == .unsound: return (.undone, .undone)
    case 0: return isLate(failure) ? (.undone, .refused) : (.done, .done)
    case 1 where isLate(failure): return (.stuck, .stuck)
    case 1:
      if Simulated.load(ModelMemory.failedLate, .relaxed) != 0 { return (.undone, .undone) }
      // The published protocols have the text open, and close it as an undo does.
      return (.refused, request.protocol == .staged ? .refused : .undone)
    default: return (.stuck, .stuck)
    }
  }

  /// Whether a published protocol found the time over; see `letTimePass`.
  private static func isLate(_ failure: SwitchFailure?) -> Bool {
    guard Simulated.load(ModelMemory.clock, .relaxed) != 0 else { return false }
    return switch failure {
    case .notQuiescent, .notGathered: true
    default: false
    }
  }
}
