import Runs

/// Whether the kernel that these facts describe can be switched, check by check.
///
/// Only the facts decide.
package struct GuestDiagnosis: Encodable {
  package let release: String
  /// `yes`, `no`, or `unknown` where something could not be read.
  package let canSwitch: Answer
  package let checks: [Check]

  package enum Answer: String, Encodable { case yes, no, unknown }

  package enum Verdict: String, Encodable {
    case ok
    /// It can be switched, with a caveat.
    case note
    /// It cannot.
    case no
    /// It could not be determined.
    case unknown
  }

  package struct Check: Encodable {
    package let name: String
    package let verdict: Verdict
    package let finding: String
    /// What to do about it.
    package var wayOut: String?

    init(_ name: String, _ verdict: Verdict, _ finding: String, _ wayOut: String? = nil) {
      (self.name, self.verdict, self.finding, self.wayOut) = (name, verdict, finding, wayOut)
    }
  }

  package init(_ facts: GuestFacts) {
    release = facts.release
    checks = [
      Self.kernel(facts), Self.image(facts), Self.headers(facts), Self.operations(facts),
      Self.hypervisor(facts), Self.hint(facts), Self.kick(facts), Self.stealTime(facts),
      Self.surroundings(facts), Self.debugger(facts), Self.signing(facts), Self.loading(facts),
      Self.probes(facts), Self.module(facts),
    ]
    let verdicts = checks.map(\.verdict)
    canSwitch = verdicts.contains(.no) ? .no : verdicts.contains(.unknown) ? .unknown : .yes
  }

  // MARK: The kernel

  /// Series and flavours that the module was tested on.
  private static func kernel(_ facts: GuestFacts) -> Check {
    let isTested =
      facts.release.hasSuffix("-amd64")
      && ["6.1.", "6.12"].contains { facts.release.hasPrefix($0) }
    if isTested { return Check("kernel", .ok, "Linux \(facts.release)") }
    return Check(
      "kernel", .note, "Linux \(facts.release) is not among the kernels that this was tested on",
      "try it first in a guest that you can afford to lose")
  }

  private static func image(_ facts: GuestFacts) -> Check {
    let path = facts.imagePath
    switch facts.image {
    case .sites(let count):
      return Check("image", .ok, "\(path) has \(Quantity.exact(count, "lock site"))")
    case .missing:
      return Check(
        "image", .unknown, "there is no \(path)",
        "name the boot image of the running kernel with --image")
    case .unreadable(let reason):
      return Check(
        "image", .unknown, "\(path) cannot be read: \(reason)", "run this as root, or use --image")
    case .unsuitable(let reason): return Check("image", .no, reason, "boot another kernel")
    case .other(let release):
      return Check(
        "image", .no, "\(path) is of another build, \(release)",
        "reboot into it, or name the image of the running kernel with --image")
    }
  }

  private static func headers(_ facts: GuestFacts) -> Check {
    if facts.hasHeaders { return Check("headers", .ok, "modules can be built for this kernel") }
    return Check(
      "headers", .note, "there are no headers in /lib/modules/\(facts.release)/build",
      "install linux-headers-\(facts.release), or build the module on another machine")
  }

  private static func operations(_ facts: GuestFacts) -> Check {
    let name = "lock operations"
    guard let options = facts.options else {
      return Check(
        name, .unknown, "the kernel's configuration is neither in /boot nor in its headers",
        "install the headers, or put its config beside the image")
    }
    let needed = [
      "PARAVIRT_SPINLOCKS", "MODULES", "MODULE_UNLOAD", "KPROBES", "KALLSYMS_ALL",
    ]
    let missing = needed.filter { options[$0] != "y" }
    guard missing.isEmpty else {
      return Check(
        name, .no, "the kernel lacks \(missing.map { "CONFIG_\($0)" }.joined(separator: ", "))",
        "boot a kernel that has them, such as Debian's")
    }
    if facts.surroundings.hasOtherOperations {
      return Check(name, .no, "\(GuestObstacleWords.otherOperations)", "boot Linux 6.1 or 6.12")
    }
    guard facts.hasSymbols else {
      return Check(name, .unknown, "/proc/kallsyms cannot be read", "run this as root")
    }
    return Check(name, .ok, "they are in pv_ops, one call each")
  }

  // MARK: The hypervisor

  private static func hypervisor(_ facts: GuestFacts) -> Check {
    guard let hypervisor = facts.hypervisor else {
      return Check(
        "hypervisor", .note, "this is not a guest, or its hypervisor hides",
        "nothing to do: without a host that deschedules CPUs native locks are the right ones")
    }
    return Check("hypervisor", .ok, "a guest on \(hypervisor.name)")
  }

  private static func hint(_ facts: GuestFacts) -> Check {
    guard let kvm = facts.hypervisor?.kvm else {
      return Check("hint", .note, "no hypervisor says whether CPUs are dedicated", "switch by hand")
    }
    return Check(
      "hint", .ok,
      kvm.isDedicated
        ? "KVM_HINTS_REALTIME: CPUs are dedicated, native locks are right"
        : "no KVM_HINTS_REALTIME: CPUs are shared, paravirtual locks are right")
  }

  private static func kick(_ facts: GuestFacts) -> Check {
    guard facts.hypervisor?.kvm?.wakesHalted != true else {
      return Check("PV_UNHALT", .ok, "KVM wakes halted CPUs")
    }
    return Check(
      "PV_UNHALT", .note, "no KVM that wakes halted CPUs: interrupts and NMIs will",
      facts.hypervisor?.kvm == nil
        ? nil : "make the host offer kvm-pv-unhalt, which cpu-pm=on removes")
  }

  private static func stealTime(_ facts: GuestFacts) -> Check {
    guard facts.hypervisor?.kvm?.hasStealTime == true else {
      return Check("steal time", .note, "none is offered, so the policy cannot follow it")
    }
    return Check("steal time", .ok, "KVM offers it")
  }

  private static func surroundings(_ facts: GuestFacts) -> Check {
    var surroundings = facts.surroundings
    (surroundings.hasDebugger, surroundings.hasOtherOperations) = (false, false)
    if let obstacle = GuestObstacleWords.sentence(surroundings) {
      return Check("confidential or Xen PV", .no, obstacle)
    }
    return Check("confidential or Xen PV", .ok, "neither TDX, SEV-ES nor Xen PV")
  }

  // MARK: What else is in the kernel

  private static func debugger(_ facts: GuestFacts) -> Check {
    guard facts.surroundings.hasDebugger else {
      return Check("kgdb", .ok, "no debugger is attached")
    }
    return Check("kgdb", .no, GuestObstacleWords.debugger)
  }

  private static func signing(_ facts: GuestFacts) -> Check {
    let secure = facts.isSecureBoot ? ", as Secure Boot requires" : ""
    if let lockdown = facts.lockdown, lockdown != "none" {
      return Check(
        "lockdown", .no, "the kernel is locked down (\(lockdown))\(secure)",
        "turn Secure Boot off, or boot without lockdown=")
    }
    if facts.mustBeSigned {
      return Check(
        "module signing", .no, "only signed modules are loaded\(secure)",
        "sign the module with a key of this machine's, or boot without module.sig_enforce")
    }
    return Check("module signing", .ok, "unsigned modules are loaded, and taint the kernel")
  }

  private static func loading(_ facts: GuestFacts) -> Check {
    if facts.areModulesDisabled {
      return Check(
        "loading", .no, "no module can be loaded any more (kernel.modules_disabled)", "reboot")
    }
    guard facts.mayLoadModules else {
      return Check("loading", .note, "this user may not load modules", "load it as root")
    }
    return Check("loading", .ok, "this user may load modules")
  }

  private static func probes(_ facts: GuestFacts) -> Check {
    guard let probes = facts.probesOnSites else {
      return Check(
        "kprobes", .unknown, "the list of probes cannot be read",
        "run this as root, with debugfs mounted on /sys/kernel/debug")
    }
    guard probes.isEmpty else {
      return Check(
        "kprobes", .no, "probes stand on lock sites: \(probes.joined(separator: ", "))",
        "remove them")
    }
    return Check("kprobes", .ok, "none stands on a lock site")
  }

  private static func module(_ facts: GuestFacts) -> Check {
    guard let status = facts.status else { return Check("module", .ok, "not loaded yet") }
    let set = status["set"] ?? "an unknown set"
    if let blocker = status["blocked_by"], blocker != "nothing" {
      return Check(
        "module", .no, "loaded, in \(set), but module \(blocker) has lock operations of its own",
        "remove \(blocker)")
    }
    return Check("module", .ok, "loaded, in \(set)")
  }
}
