import ArgumentParser
import GuestTestBed
import Runs

/// `tidelock guest locktorture`: switches a guest's spinlocks under the kernel's own torture test.
struct GuestLocktortureCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "locktorture",
    abstract:
      "Switch a guest's spinlocks under Linux's own locktorture, with CPU hotplug.",
    discussion: """
      Run Scripts/guest-setup --locktorture first, which builds locktorture from Debian's linux-source. \
      The command fails unless every switch is done, locktorture finds no fault, the kernel reports no \
      trouble after a switch away from native operations, and its text ends as it began.
      """)

  @Option(help: ArgumentHelp("A series such as 6.1, or a full release.", valueName: "version"))
  var kernel = "6.1"

  @Option(help: "Where the guest runs: emulation, or kvm for a stock KVM inside emulation.")
  var hypervisor = GuestDemoPlan.Hypervisor.emulation

  @Option(help: ArgumentHelp("How many virtual CPUs.", valueName: "n"))
  var vcpus = 4

  @Option(help: ArgumentHelp("How many switches for each kind of lock.", valueName: "n"))
  var switches = 100

  @Option(
    parsing: .upToNextOption,
    help: "Kinds of locks, by locktorture's names.")
  var locks = GuestLocktorture.Lock.allCases

  @OptionGroup var faces: Faces

  func validate() throws {
    try check("--vcpus", vcpus, 2...64)
    try check("--switches", switches, 1...1_000_000)
  }

  func run() throws {
    try faces.check()
    let guest = try GuestKernel(kernel)
    _ = try GuestLocktorture.files(of: guest)
    let plan = GuestDemoPlan(
      vcpus: vcpus, seconds: 60, soak: switches * locks.count, switchProtocol: .staged,
      hypervisor: hypervisor, isDedicated: true)
    var machine = try plan.machine(guest)
    machine.lifetime = plan.lifetime
    let display = RunDisplay(json: faces.json)
    let (run, signal) = try watchGuest(display, work(machine, display))
    try faces.show(
      GuestLocktortureOutcome(kernel: guest.release, vcpus: vcpus, run: run, signal: signal),
      on: display)
  }

  private func work(
    _ machine: some BootableGuest, _ display: RunDisplay
  ) -> @Sendable () async throws -> GuestLocktortureRun {
    { [locks, switches] in
      try await GuestLocktortureRun.execute(locks, switches: switches, in: machine) {
        display.begin($0, every: .seconds(5))
      }
    }
  }
}

extension GuestLocktorture.Lock: ExpressibleByArgument {}

/// The outcome of switches under locktorture.
struct GuestLocktortureOutcome: RunOutcome {
  let kernel: String
  let vcpus: Int
  let run: GuestLocktortureRun
  let signal: CInt?

  init(kernel: String, vcpus: Int, run: GuestLocktortureRun, signal: CInt? = nil) {
    (self.kernel, self.vcpus, self.run, self.signal) = (kernel, vcpus, run, signal)
  }

  var failure: String? { nil }
  var holds: Bool { run.holds }
  var json: GuestLocktortureRun { run }

  var table: RunTable {
    RunTable(
      "Switches under locktorture",
      columns: [
        .words("lock"), .numbers("done"), .numbers("refused"), .numbers("undone"),
        .numbers("acquisitions"), .words("exclusion"), .words("locktorture says"),
      ],
      rows: run.parts.map { part in
        [
          part.lock.rawValue, String(part.results["done", default: 0]),
          String(part.results["refused", default: 0]),
          String(
            part.results.filter { !["done", "refused"].contains($0.key) }.values.reduce(0, +)),
          Quantity.exact(part.verdict.acquisitions),
          part.verdict.hasExcluded ? "kept" : "NOT kept", part.verdict.end,
        ]
      })
  }

  /// The findings, a sentence each.
  var sentences: [String] {
    let rest = run.complaints.filter { !$0.isNative }
    return run.parts.compactMap { part in part.error.map { "\(part.lock.rawValue): \($0)." } }
      + rest.map { "The kernel says: \($0.line)" }
      + [
        run.textRestored
          ? "The module is gone, and the kernel's text is byte for byte as before: 0 differ."
          : "The kernel's text is NOT as before.",
        "The kernel's log: \(Quantity.exact(rest.count, "complaint")), and"
          + " \(Quantity.exact(run.complaints.count - rest.count)) under native operations.",
        holds ? "All held." : "NOT all held.",
      ]
  }

  func tables(width: Int) -> [RunTable] { [table] }

  var page: RunPage {
    RunPage(
      title: "Tidelock: a guest's spinlocks, switched under locktorture",
      summary: """
        Linux's own torture test takes locks of each kind on every virtual CPU, with CPU hotplug, \
        while the kernel's lock operations are switched.
        """,
      verdict: .init(sentences.joined(separator: " "), holds: holds), tables: [table],
      facts: [.init("guest", "Linux \(kernel), \(Quantity.exact(vcpus, "vCPU"))")],
      end: end("after all switches"))
  }
}
