import CodePatching
import KernelServices
import LockPlatform
import LockSwitching

/// The kernel's text, for protocols that write it themselves.
extension KernelTarget: TextTarget {
  typealias Code = KernelMemory

  /// All five are called or inlined at sites.
  static func isText(_ operation: LockOperation) -> Bool { true }

  /// The handler is there as long as the module is.
  static func prepareBreakpoints() throws(SwitchFailure) {}

  static func openText() throws(SwitchFailure) { lockText() }

  static func closeText() { unlockText() }

  static var sites: KernelSites { unsafe control.sites }

  static func enter(_ slowPath: Implementation) { SlowPathInPlace.set(slowPath) }

  /// Modules that come from now on get it at their sites.
  static func note(_ operation: LockOperation, holds implementation: Implementation) {
    let body = unsafe control.sites.forms[operation, implementation]
    setKernelOperation(Int32(operation.rawValue), body.function, !body.isInline)
    if operation == .slowPath { SlowPathInPlace.set(implementation) }
  }
}

/// Which slow path the sites call, or who comes to the counted entry or leaves the gate.
enum SlowPathInPlace {
  /// Acquiring; pairs with `set`.
  static var now: Implementation {
    let raw = KernelMachine.load(SharedWords.slowPath, .acquiring)
    return Implementation(rawValue: UInt8(truncatingIfNeeded: raw)) ?? .gate
  }

  static func set(_ slowPath: Implementation) {
    KernelMachine.store(UInt32(slowPath.rawValue), to: SharedWords.slowPath, .releasing)
  }
}
