import GuestTestBed
import Runs

/// `tidelock guest demo --policy auto`.
struct GuestPolicyDemo {
  let vcpus: Int
  /// How long all phases take; a minute if nobody says.
  let seconds: Double?
  let kernel: GuestKernel
  let json: Bool
  let report: String?

  func run() async throws {
    // First what can go wrong without a run.
    _ = try KVMHost(kernel: kernel)
    let display = GuestPolicyDisplay(json: json)
    let demo = GuestPolicyRun(vcpus: vcpus, seconds: seconds ?? 60, kernel, display)
    let (record, signal) = try await watchGuest(display) { try await demo.execute() }
    let outcome = GuestPolicyOutcome(
      vcpus: vcpus, kernel: kernel.release, record: record, signal: signal)
    if json {
      try StandardOutput.write(outcome.json())
    } else {
      display.end(outcome)
    }
    if let report {
      try ReportFile.write(outcome.page.html(), to: report)
      if !json { Terminal(.standardOutput).write("The report is in \(report).\n") }
    }
    try outcome.exit()
  }
}
