import KernelServices
import LockPlatform

/// What wakes a CPU that waits.
enum KickMethod {
  /// The kernel's own method, with which it booted.
  case kernel
  /// KVM.
  case kvm
  /// An interrupt, an NMI if need be.
  case interrupt

  var name: StaticString {
    switch self {
    case .kernel: "the kernel's own"
    case .kvm: "KVM"
    case .interrupt: "interrupt"
    }
  }

  /// Finds out how CPUs are woken here, and puts it in place of `wait` and `kick`.
  ///
  /// A kernel that booted paravirtual keeps its own method, whichever hypervisor that is for.
  static func choose(
    for bootSet: LockSet, _ symbols: KernelSymbols, into forms: inout KernelForms
  ) -> KickMethod {
    switch bootSet {
    case .paravirtual:
      return .kernel
    case .native, .testAndSet:
      if KVM.kicks {
        KVM.put(into: &forms, symbols)
        return .kvm
      }
      NoHypervisor.put(into: &forms)
      return .interrupt
    }
  }
}
