import KernelServices
import LockPlatform

/// No hypervisor that wakes CPUs: a CPU that waits halts, and an interrupt wakes it, an NMI if need be.
enum NoHypervisor {
  /// Puts the module's own functions in place of `wait` and `kick`.
  static func put(into forms: inout KernelForms) {
    forms.put(.wait, .paravirtual, haltingWaitAddress())
    forms.put(.kick, .paravirtual, haltingKickAddress())
  }
}
