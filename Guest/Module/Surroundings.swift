import GuestSiteTable
import KernelServices

extension GuestSurroundings {
  /// Those of the kernel that runs.
  static var now: GuestSurroundings {
    var surroundings = GuestSurroundings()
    surroundings.isXenPV = KernelServices.isXenPV()
    surroundings.isTDX = KernelServices.isTDX()
    surroundings.isStateEncrypted = KernelServices.isStateEncrypted()
    surroundings.hasDebugger = isDebuggerRegistered()
    surroundings.hasOtherOperations =
      has("pv_ops_lock") || has("__SCK__queued_spin_unlock")
      || has("__SCK__queued_spin_lock_slowpath")
    return surroundings
  }

  private static func has(_ name: StaticString) -> Bool {
    // A static string ends with a zero byte, so it is a C string.
    unsafe kernelSymbol(name.utf8Start) != 0
  }
}
