/// What a KVM offers to a guest, to the extent that its spinlocks depend on it.
///
///     var features = KVMFeatures()   // as QEMU has it: the guest boots paravirtual
///     features.isDedicated = true    // it boots native
public struct KVMFeatures: Sendable, Equatable {
  /// Promises that each vCPU has a CPU of its own (KVM_HINTS_REALTIME): the guest queues natively.
  public var isDedicated = false
  /// Wakes a halted vCPU by hypercall (KVM_FEATURE_PV_UNHALT); the guest is test-and-set without.
  public var wakesHalted = true
  /// Reports how long a vCPU was runnable but not running (KVM_FEATURE_STEAL_TIME).
  public var hasStealTime = true
  /// What else it does not offer, by QEMU's names: `kvm-pv-ipi` for one.
  public var withheld: [String] = []

  /// What QEMU offers by default.
  public init() {}

  /// QEMU's name for the CPU.
  ///
  /// Emulation does not intercept XSETBV in a guest, so XSAVE is left out: the guest would complain
  /// about its size.
  var cpu: String {
    "host,-xsave" + (isDedicated ? ",kvm-hint-dedicated=on" : "")
      + (wakesHalted ? "" : ",-kvm-pv-unhalt") + (hasStealTime ? "" : ",-kvm-steal-time")
      + withheld.map { ",-\($0)" }.joined()
  }
}

/// The configuration of a guest on KVM, apart from the kernel and the files that it boots.
public struct KVMGuest: Sendable {
  /// How many virtual CPUs.
  public var vcpus: Int
  /// What KVM offers.
  public var features: KVMFeatures
  /// In MiB.
  public var memory = 300
  /// More words for the kernel's command line.
  public var kernelArguments: [String] = []

  /// A guest with defaults for everything else.
  public init(vcpus: Int, features: KVMFeatures = .init()) {
    self.vcpus = vcpus
    self.features = features
  }
}
