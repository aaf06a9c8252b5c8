import ArgumentParser
import GuestTestBed
import LockSwitching
import Runs

/// `tidelock guest demo`: boots a stock kernel and switches its spinlocks while vCPUs contend for them.
struct GuestDemoCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo",
    abstract: "Boot a stock Linux in QEMU and switch its spinlocks live, under load.",
    discussion: """
      Run Scripts/guest-setup first, which fetches the kernel. The demo changes nothing on this \
      machine. The guest's vCPUs are emulated: with more of them than this machine has CPUs, the guest \
      sees what it would see on an oversubscribed host. With --hypervisor kvm the guest runs on the \
      stock KVM of an emulated stock host with two CPUs, which Scripts/guest-setup --kvm fetches.
      """)

  @Option(help: ArgumentHelp("A series such as 6.1, or a full release.", valueName: "version"))
  var kernel = "6.1"

  @Option(help: "Where the guest runs: emulation, or kvm for a stock KVM inside emulation.")
  var hypervisor = GuestDemoPlan.Hypervisor.emulation

  @Flag(
    help: """
      On KVM: promise the guest dedicated CPUs, so that it boots native; without this it boots \
      paravirtual. An emulated guest always boots native.
      """)
  var dedicated = false

  @Option(help: ArgumentHelp("How many virtual CPUs.", valueName: "n"))
  var vcpus = 8

  @Option(
    help: ArgumentHelp(
      """
      What loads the locks: torture, a thread on each vCPU that takes one lock; hackbench, threads \
      that send messages; files, processes that create files in memory (fs_mark).
      """))
  var workload = GuestDemoPlan.Workload.torture

  @Option(
    help: ArgumentHelp(
      "hackbench and files: how many times they run under each set (default: 5).", valueName: "n"))
  var rounds: Int?

  @Option(
    help: ArgumentHelp(
      "torture: how long all phases take together, without the switches (default: 60).",
      valueName: "s"))
  var seconds: Double?

  @Option(
    help: ArgumentHelp(
      "torture: this many more switches afterwards, under locks from every context and NMIs.",
      valueName: "n"))
  var switches = 0

  @Option(
    name: .customLong("protocol"),
    help: "The protocol by which the guest switches; staged unless given.")
  private var namedProtocol: SwitchProtocol?
  // As a default of the option itself help would show its raw value, a number.
  private var switchProtocol: SwitchProtocol { namedProtocol ?? .staged }

  @Option(
    help: """
      auto: only a policy in the guest switches, and follows the load of its host. Needs \
      --hypervisor kvm; the guest has two vCPUs at most.
      """)
  var policy: DemoCommand.PolicyChoice?

  @OptionGroup var faces: Faces

  func validate() throws {
    try check("--vcpus", vcpus, 2...64)
    try check("--seconds", seconds, 5...86_400)
    try check("--rounds", rounds, 1...1000)
    try check("--switches", switches, 0...1_000_000)
    guard !dedicated || hypervisor == .kvm else {
      throw ValidationError(
        "--dedicated needs --hypervisor kvm: an emulated guest boots native anyway.")
    }
    guard policy == nil || hypervisor == .kvm else {
      throw ValidationError("--policy needs --hypervisor kvm: an emulated guest sees no steal.")
    }
    guard policy == nil || switches == 0 && switchProtocol == .staged else {
      throw ValidationError(
        "--policy decides when to switch, by the staged protocol; leave --switches and --protocol out."
      )
    }
    if workload == .torture {
      guard rounds == nil else {
        throw ValidationError("--rounds needs --workload hackbench or files; see --seconds.")
      }
    } else if seconds != nil || switches > 0 {
      throw ValidationError(
        "--seconds and --switches need --workload torture; --rounds says how often"
          + " \(workload.rawValue) runs.")
    }
  }

  func run() throws {
    // First, everything that can fail before the run.
    try faces.check()
    let guest = try GuestKernel(kernel)
    _ = Machine.current
    let display = RunDisplay(json: faces.json)
    if policy != nil {
      _ = try KVMHost(kernel: guest)
      let run = GuestPolicyRun(vcpus: min(vcpus, 2), seconds: seconds ?? 60, guest, display)
      let (record, signal) = try watchGuest(display) { try await run.execute() }
      return try faces.show(
        GuestPolicyOutcome(
          vcpus: run.vcpus, kernel: guest.release, record: record, signal: signal), on: display)
    }

    let plan = GuestDemoPlan(
      vcpus: vcpus, workload: workload, rounds: rounds ?? 5, seconds: seconds ?? 60,
      soak: switches, switchProtocol: switchProtocol,
      hypervisor: hypervisor, isDedicated: dedicated || hypervisor == .emulation)
    _ = try plan.machine(guest)
    _ = try plan.program?.files(of: guest)
    let shown = GuestDemoDisplay(display, plan: plan)
    let demo = GuestDemoRun(plan, guest, shown)
    let (record, signal) = try watchGuest(display, look: { shown.tick() }) {
      try await demo.execute()
    }
    try faces.show(
      GuestDemoOutcome(plan: plan, kernel: guest.release, record: record, signal: signal),
      on: display)
  }
}

extension GuestDemoPlan.Hypervisor: ExpressibleByArgument {}
extension GuestDemoPlan.Workload: ExpressibleByArgument {}
