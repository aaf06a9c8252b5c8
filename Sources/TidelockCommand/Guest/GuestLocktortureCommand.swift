import ArgumentParser
import Foundation
import GuestTestBed
import Runs

/// `tidelock guest locktorture`: switches a guest's spinlocks under the kernel's own torture test.
struct GuestLocktortureCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "locktorture",
    abstract:
      "Switch a guest's spinlocks under Linux's own locktorture, with CPUs that go and come.",
    discussion: """
      Scripts/guest-setup --locktorture must have built it, from Debian's linux-source. It fails \
      unless every switch is done, locktorture finds no fault, the kernel complains of nothing \
      after a switch away from native operations, and its text ends as it began.
      """)

  @Option(help: ArgumentHelp("A series such as 6.1, or a whole release.", valueName: "version"))
  var kernel = "6.1"

  @Option(help: "Where the guest runs: emulation, or kvm for a stock KVM inside emulation.")
  var hypervisor = GuestDemoPlan.Hypervisor.emulation

  @Option(help: ArgumentHelp("How many virtual CPUs.", valueName: "n"))
  var vcpus = 4

  @Option(help: ArgumentHelp("How many switches for each kind of lock.", valueName: "n"))
  var switches = 100

  @Option(
    parsing: .upToNextOption,
    help: "Kinds of locks, by locktorture's names (default: all of these).")
  var locks = GuestLocktorture.Lock.allCases

  @Flag(help: "Print one JSON object and nothing else.")
  var json = false

  func validate() throws {
    guard 2...64 ~= vcpus else { throw ValidationError("--vcpus must be between 2 and 64.") }
    guard 1...1_000_000 ~= switches else {
      throw ValidationError("--switches must be between 1 and 1000000.")
    }
  }

  func run() async throws {
    let guest = try GuestKernel(kernel)
    _ = try GuestLocktorture.files(of: guest)
    let plan = GuestDemoPlan(
      vcpus: vcpus, seconds: 60, soak: switches * locks.count, switchProtocol: .staged,
      hypervisor: hypervisor, isDedicated: true)
    var machine = try plan.machine(guest)
    machine.lifetime = plan.lifetime
    let display = GuestCompareDisplay(json: json)
    let (run, signal) = try await watchGuest(display, work(machine, display))
    if json {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      try StandardOutput.write(String(decoding: try encoder.encode(run), as: UTF8.self))
    } else {
      run.show(on: Terminal(.standardOutput))
    }
    if let signal { throw ExitCode(128 + signal) }
    if !run.holds { throw ExitCode.failure }
  }

  private func work(
    _ machine: some BootableGuest, _ display: GuestCompareDisplay
  ) -> @Sendable () async throws -> GuestLocktortureRun {
    { [locks, switches] in
      try await GuestLocktortureRun.execute(locks, switches: switches, in: machine) {
        display.begin($0)
      }
    }
  }
}

extension GuestLocktorture.Lock: ExpressibleByArgument {}

extension GuestLocktortureRun {
  package var table: RunTable {
    RunTable(
      "Switches under locktorture",
      columns: [
        .words("lock"), .numbers("done"), .numbers("refused"), .numbers("undone"),
        .numbers("acquisitions"), .words("exclusion"), .words("locktorture says"),
      ],
      rows: parts.map { part in
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

  /// What it came to, a sentence each.
  package var sentences: [String] {
    let rest = complaints.filter { !$0.isNative }
    return parts.compactMap { part in part.error.map { "\(part.lock.rawValue): \($0)." } }
      + rest.map { "The kernel says: \($0.line)" }
      + [
        textRestored
          ? "The module is gone, and the kernel's text is byte for byte as before: 0 differ."
          : "The kernel's text is NOT as before.",
        "The kernel's log: \(Quantity.exact(rest.count, "complaint")), and"
          + " \(Quantity.exact(complaints.count - rest.count)) under native operations.",
        holds ? "All held." : "NOT all held.",
      ]
  }

  fileprivate func show(on terminal: Terminal) {
    terminal.write(
      "\n\(table.title)\n\n" + table.text(width: terminal.isLive ? terminal.width : 120))
    terminal.write("\n")
    for sentence in sentences { terminal.write(paragraph: sentence) }
  }
}
