import GuestTestBed
import LockPlatform
import LockSwitching

/// The plan of the guest's demo, as data.
struct GuestDemoPlan: Sendable {
  /// Where the guest runs.
  enum Hypervisor: String, CaseIterable, Sendable {
    /// All of it in software emulation.
    case emulation
    /// On the stock KVM of a host that is emulated.
    case kvm
  }

  /// What loads the guest's locks.
  enum Workload: String, CaseIterable, Sendable {
    /// A thread on each vCPU that takes one lock, counted by the module.
    case torture
    /// hackbench of rt-tests.
    case hackbench
    /// fs_mark on a tmpfs.
    case files
  }

  struct Phase: Sendable {
    let name: String
    /// The set that is switched to before it, unless it is in force.
    let set: LockSet
  }

  let vcpus: Int
  var workload = Workload.torture
  /// How many times a program runs in each phase; the torture runs each once.
  var rounds = 1
  /// How long all phases of the torture last together; switches come on top.
  let seconds: Double
  /// How many switches the soak after the phases makes; zero for no soak.
  let soak: Int
  /// How the guest switches.
  let switchProtocol: SwitchProtocol
  let hypervisor: Hypervisor
  /// Whether the guest is promised dedicated CPUs; without the promise it boots paravirtual.
  let isDedicated: Bool

  /// From the set that the kernel booted with to each of the others and back.
  var phases: [Phase] {
    [
      Phase(name: "as booted", set: booted),
      Phase(name: "switched", set: other),
      Phase(name: "switched back", set: booted),
      Phase(name: "switched", set: .testAndSet),
      Phase(name: "switched back", set: booted),
    ]
  }

  /// The phases of each round of a program.
  var programPhases: [ProgramRuns.Phase] {
    [
      .init("as booted", booted), .init("switched", other), .init("switched", .testAndSet),
      .init("switched back", booted),
    ]
  }

  /// The program that the guest runs; nil for the torture.
  ///
  /// A run takes some seconds under native operations. On the KVM of an emulated host everything is
  /// emulated twice, so there is less to do.
  var program: GuestWorkload? {
    switch (workload, hypervisor) {
    case (.torture, _): nil
    case (.hackbench, .emulation): .hackbench(groups: 4, pairs: 10, loops: 60)
    case (.hackbench, .kvm): .hackbench(groups: 2, pairs: 8, loops: 30)
    case (.files, .emulation): .files(processes: 2 * vcpus, files: 200)
    case (.files, .kvm): .files(processes: 2 * vcpus, files: 40)
    }
  }

  /// What the kernel chooses when it boots.
  var booted: LockSet { isDedicated ? .native : .paravirtual }
  private var other: LockSet { isDedicated ? .paravirtual : .native }

  /// How many CPUs the guest's vCPUs share, and on which host.
  func host(cpus: Int) -> (cpus: Int, name: String) {
    switch hypervisor {
    case .emulation: (cpus, "host")
    case .kvm: (KVMHost.defaultCPUs, "KVM host")
    }
  }

  var phaseLength: Duration { .seconds(seconds / Double(phases.count)) }

  /// The set of a switch of the soak, by its number.
  func soakSet(_ number: Int) -> LockSet { number.isMultiple(of: 2) ? other : booted }

  /// After how long the module undoes a switch: the host is oversubscribed on purpose, and may have
  /// more to do than this.
  let switchLimit = Duration.seconds(60)
  /// How long the demo waits for one, its undoing included.
  var switchPatience: Duration { switchLimit * 4 }
  /// Between two NMIs from the monitor.
  var nmiPeriod: Duration { .milliseconds(hypervisor == .kvm ? 1000 : 100) }
  /// What the soak does to the guest's locks: all contexts, as often as its vCPUs can bear.
  ///
  /// On the KVM of an emulated host an interrupt costs some ten times what it does in emulation.
  var soakLoad: GuestTorture.Load {
    var load = GuestTorture.Load.everything
    if hypervisor == .kvm { (load.nested, load.nmi) = (10_000 * vcpus, 50_000 * vcpus) }
    return load
  }

  /// After this many seconds QEMU is ended, whatever happens.
  var lifetime: Int {
    let runs = program == nil ? phases.count : programPhases.count * rounds
    return 900 + Int(seconds) + (runs + soak) * Int(switchLimit / .seconds(1))
  }
}

extension GuestDemoPlan {
  /// What is booted.
  ///
  /// - Throws: `GuestError` if it has not been set up.
  func machine(_ kernel: GuestKernel) throws -> any BootableGuest {
    switch hypervisor {
    case .emulation: return GuestMachine(kernel: kernel, vcpus: vcpus)
    case .kvm:
      var features = KVMFeatures()
      features.isDedicated = isDedicated
      return try GuestOnKVM(kernel: kernel, guest: KVMGuest(vcpus: vcpus, features: features))
    }
  }
}
