import GuestSiteTable

/// The facts about a running system that matter for switching its kernel.
///
/// Collected by `GuestFacts.Collector`, judged by `GuestDiagnosis`.
package struct GuestFacts {
  /// What `uname -r` prints.
  package var release = ""
  /// Whether this user may load modules.
  package var mayLoadModules = false
  /// The boot image of the running kernel.
  package var image = Image.missing
  package var imagePath = ""
  /// Whether modules can be built against it.
  package var hasHeaders = false
  /// `CONFIG_` options of the kernel, by name without that prefix; nil: not known.
  package var options: [String: String]?
  /// What CPUID and sysfs say; nil: no hypervisor.
  package var hypervisor: Hypervisor?
  /// What rules out switching any kernel here.
  package var surroundings = GuestSurroundings()
  /// Whether the names of the kernel's symbols could be read.
  package var hasSymbols = true
  /// `none`, `integrity` or `confidentiality`; nil: the kernel has no lockdown.
  package var lockdown: String?
  package var isSecureBoot = false
  /// Whether unsigned modules are refused.
  package var mustBeSigned = false
  /// Whether no module can be loaded until the next boot.
  package var areModulesDisabled = false
  /// Probes that cover a site; nil: the list could not be read.
  package var probesOnSites: [String]?
  /// What the module says if it is loaded, by name.
  package var status: [String: String]?

  package init() {}

  package enum Image: Equatable {
    case missing
    case unreadable(String)
    /// Holds something that cannot be switched.
    case unsuitable(String)
    /// Of another build than the running one.
    case other(String)
    case sites(Int)
  }

  package struct Hypervisor: Equatable {
    /// As CPUID has it, such as `KVMKVMKVM`.
    package var signature: String
    /// Leaf 0x40000001 of KVM.
    package var kvm: KVM?

    package init(signature: String, kvm: KVM? = nil) {
      (self.signature, self.kvm) = (signature, kvm)
    }

    package struct KVM: Equatable {
      package var features: UInt32
      package var hints: UInt32

      package init(features: UInt32, hints: UInt32) {
        (self.features, self.hints) = (features, hints)
      }

      package var wakesHalted: Bool { features & 1 << 7 != 0 }
      package var hasStealTime: Bool { features & 1 << 5 != 0 }
      package var isDedicated: Bool { hints & 1 != 0 }
    }

    /// Its usual name.
    package var name: String {
      switch signature {
      case "KVMKVMKVM": "KVM"
      case "TCGTCGTCGTCG": "QEMU's software emulation"
      case "XenVMMXenVMM": "Xen"
      case "Microsoft Hv": "Hyper-V"
      case "VMwareVMware": "VMware"
      case "": "a hypervisor without a name"
      default: signature
      }
    }
  }
}
