import KernelServices
import LockPlatform

/// KVM: wakes halted CPUs on request, and says whether CPUs are dedicated.
enum KVM {
  /// Whether it wakes a halted CPU, with interrupts off too.
  ///
  /// Must be asked again each time: migration may take it away.
  static var kicks: Bool { kvmKicks() }

  /// Puts the kernel's own functions for KVM in place of `wait` and `kick`.
  static func put(into forms: inout KernelForms, _ symbols: KernelSymbols) {
    forms.put(.wait, .paravirtual, symbols.kvmWait)
    forms.put(.kick, .paravirtual, symbols.kvmKick)
  }
}
