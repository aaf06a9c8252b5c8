import CodePatching
import Glibc
import LockPlatform
import LockSwitching
import UserSpaceShims

/// The text of this process, for protocols that write it themselves.
extension ProgramSwitching: TextTarget {
  typealias Code = ProgramText

  /// What the switching thread has open.
  ///
  /// Set by it alone, and read by contexts nested over it.
  nonisolated(unsafe) private static var openSites: AllSites?
  nonisolated(unsafe) private static var windows = TextWindows()

  /// Unlock is the one operation that is text in a program.
  static func isText(_ operation: LockOperation) -> Bool { operation == .unlock }

  static func prepareBreakpoints() throws(SwitchFailure) {
    if let thread = Tasks.firstBlocking(SIGTRAP) { throw .breakpointsBlocked(thread: thread) }
    guard tidelock_trap_install() == 0 else { throw .unsupported }
  }

  /// No image comes or goes, and the process does not fork, until the text is closed.
  static func openText() throws(SwitchFailure) {
    Process.lockImages()
    do throws(SwitchFailure) {
      let sites = try understoodSites()
      unsafe openSites = sites
      for (low, high) in sites.bounds where unsafe !windows.open(from: low, to: high) {
        throw .patch(.notWritable(site: low))
      }
    } catch {
      closeText()
      throw error
    }
  }

  static func closeText() {
    unsafe windows.close()
    unsafe openSites = nil
    Process.unlockImages()
  }

  static var sites: AllSites {
    // Contract: between `openText` and `closeText`.
    unsafe openSites.unsafelyUnwrapped
  }

  static func enter(_ slowPath: Implementation) {
    // Releasing; pairs with the loads in CountedEntry and Counted.
    UserSpace.store(UInt32(slowPath.rawValue), to: UserSpace.slowPath, .releasing)
  }

  static func note(_ operation: LockOperation, holds implementation: Implementation) {
    // Relaxed: read with the images' lock held, or as advice.
    UserSpace.store(
      UInt32(implementation.rawValue), to: UserSpace.entry(of: operation), .relaxed)
  }
}
