import Glibc
import LockPlatform
import LockSwitching
import UserSpaceShims

/// An image that was loaded in a paravirtual phase and cannot be brought to it: its text cannot be
/// written, or its sites are not what they should be.
///
/// Its unlocks are native, which is unsound beside sleeping waiters, and loading a library cannot
/// be refused from within. So the process goes back to native before the image is one of its own and
/// its code runs; later switches are refused, naming a site of the image.
enum Unfollowing {
  static func retreat() {
    let order = SwitchOrder(
      to: .native, method: .store, timeLimit: 60_000_000_000, reason: .policy)
    while true {
      switch Process.retreat(order) {
      case nil: return
      case .underWay?: tidelock_yield()
      case .some:
        // Nothing sound is left to do: going on would lose a wake-up some day.
        let message =
          "tidelock: a library with locks was loaded that cannot be switched to paravirtual, and "
          + "the process could not go back to native; load it before the switch.\n"
        _ = unsafe message.withCString { unsafe write(2, $0, strlen($0)) }
        abort()
      }
    }
  }
}
