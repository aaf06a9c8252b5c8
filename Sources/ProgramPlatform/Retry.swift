import Glibc
import LockPlatform
import LockSwitching
import UserSpaceShims

/// Switches that nobody asked for: because a switch got stuck, or for an image that needs native.
enum Retry {
  // MARK: After a switch that got stuck

  /// Whether a thread goes on trying; in the core's state, which lives as long as the process.
  private static var isUnderWay: Location<UInt32> {
    unsafe Location(address: tidelock_state_is_retrying())
  }

  /// Starts a thread that goes on trying to settle, unless there is one.
  ///
  /// Contract: called by the thread that switches. Without a thread the next request goes on.
  static func begin() {
    guard ProgramMachine.exchange(1, at: isUnderWay, .relaxed) == 0 else { return }
    if !HelperThread.start({ Retry.run() }) { end() }
  }

  /// Settled, or there is no thread any more.
  static func end() {
    ProgramMachine.store(0, to: isUnderWay, .relaxed)
  }

  private static func run() {
    var pause: UInt64 = 1_000_000
    while true {
      // Not a synchronisation: only how often it is tried.
      tidelock_sleep(pause)
      if Process.settle(within: 100_000_000) { return }
      pause = min(pause * 2, 10_000_000_000)
    }
  }

  // MARK: For an image that cannot be paravirtual

  /// Goes back to native for an image that was loaded in a paravirtual phase and cannot be brought to
  /// it: its text cannot be written, or its sites are not what they should be.
  ///
  /// False if the process is ending: then the image stays as it is, known to nobody, and a sleeper that
  /// it does not wake looks again after a while, as beside any image that no switch reaches.
  ///
  /// Its unlocks are native, which is unsound beside sleeping waiters, and loading a library cannot
  /// be refused from within. So the process is native before the image is one of its own and its code
  /// runs; later switches are refused, naming a site of the image.
  ///
  /// Where the other images cannot be written either, the process goes on with test-and-set, which
  /// writes nothing.
  static func makeRoomForNative() -> Bool {
    let limit: UInt64 = 60_000_000_000
    let request = SwitchRequest(to: .native, poking: .store, timeLimit: limit, reason: .policy)
    var report = Process.perform(request)
    if let failure = report.failure, failure != .underWay, failure != .exiting {
      report = Process.leaveQueues(timeLimit: limit)
    }
    switch report.failure {
    case nil: return true
    case .exiting?: return false
    case .underWay?:
      ProgramTarget.rest()
      return true
    case .some:
      // Nothing sound is left to do: going on would lose a wake-up some day.
      let message =
        "tidelock: a library with locks was loaded that cannot be switched to paravirtual, and "
        + "waiters did not leave the paravirtual queue in a minute; load it before the switch.\n"
      unsafe message.withCString { unsafe tidelock_say($0, strlen($0)) }
      abort()
    }
  }
}
