import Foundation
import GuestTestBed
import Testing

/// `tidelock guest demo` as a user runs it.
@Suite(.serialized) struct GuestDemoTests {
  /// What `--json` promises.
  private struct Outcome: Decodable {
    struct Phase: Decodable {
      let set: String
      let acquisitions_per_second, slowest_vcpu, fastest_vcpu: Double
    }

    struct Switch: Decodable {
      let from, to, result: String
    }

    struct Soak: Decodable {
      let switches, done, nmis: Int
      let contexts: [String: Int]
    }

    struct Figures: Decodable {
      let paravirtual_against_native, paravirtual_against_test_and_set: Double
      let switches_done: Int
    }

    let kernel: String
    let vcpus: Int
    let phases: [Phase]
    let switches: [Switch]
    let soak: Soak
    let exclusion_kept, text_restored: Bool
    let taint: [String]
    let figures: Figures
  }

  private static let isSetUp = (try? GuestKernel()) != nil

  @Test(.enabled(if: isSetUp, "run Scripts/guest-setup to have guests booted"))
  func switchesAGuestAndLeavesItAsItWas() throws {
    let run = try tidelock(
      "guest", "demo", "--vcpus", "2", "--seconds", "5", "--switches", "4", "--json")
    #expect(run.status == 0, "\(run.errors)")
    let outcome = try JSONDecoder().decode(Outcome.self, from: Data(run.output.utf8))
    #expect(
      outcome.phases.map(\.set) == [
        "native", "paravirtual", "native", "test-and-set", "native",
      ])
    #expect(outcome.phases.allSatisfy { $0.acquisitions_per_second > 0 })
    #expect(outcome.phases.allSatisfy { $0.slowest_vcpu <= $0.fastest_vcpu })
    #expect(
      outcome.switches.map(\.to) == ["paravirtual", "native", "test-and-set", "native"])
    #expect(outcome.switches.allSatisfy { $0.result == "done" })
    #expect(outcome.soak.done == 4)
    #expect(outcome.figures.switches_done == 8)
    for context in ["task", "softirq", "hardirq"] {
      #expect(outcome.soak.contexts[context, default: 0] > 0, "\(context) took no lock")
    }
    #expect(outcome.exclusion_kept)
    #expect(outcome.text_restored)
    #expect(outcome.taint == ["out-of-tree module", "unsigned module"])
  }

  /// A signal to the program alone, as from a service manager: QEMU and all files go with it.
  @Test(.enabled(if: isSetUp, "run Scripts/guest-setup to have guests booted"))
  func interruptionLeavesNothingBehind() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let run = try tidelock(
      ["guest", "demo", "--vcpus", "2"], environment: ["TMPDIR": folder.path]
    ) { process, line in
      if line.contains("loading the modules") { process.interrupt() }
    }
    #expect(run.status == 130)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    #expect(try commandLines().allSatisfy { !$0.contains(folder.path) })
  }

  /// Of all processes that can be seen.
  private func commandLines() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: "/proc").filter { Int($0) != nil }
      .compactMap { try? String(contentsOfFile: "/proc/\($0)/cmdline", encoding: .utf8) }
  }

  /// `tidelock compare --guest`.
  @Test(.enabled(if: isSetUp, "run Scripts/guest-setup to have guests booted"))
  func comparesTheProtocols() throws {
    struct Comparison: Decodable {
      struct Spread: Decodable { let median, p99, longest: Double }
      struct Row: Decodable {
        let `protocol`: String
        let switches, undone: Int
        let microseconds, gap_microseconds, quiet_gap_microseconds: Spread
      }
      struct Load: Decodable {
        let runners: Int
        let rows: [Row]
      }
      let runner: String
      let verified: Bool
      let loads: [Load]
    }
    let run = try tidelock(
      "compare", "--guest", "--switches", "2", "--vcpus", "3", "--accounting", "until-unlock",
      "--json")
    #expect(run.status == 0, "\(run.errors)")
    let comparison = try JSONDecoder().decode(Comparison.self, from: Data(run.output.utf8))
    #expect(comparison.runner == "vCPU" && comparison.verified)
    #expect(comparison.loads.map(\.runners) == [2, 3])
    for load in comparison.loads {
      #expect(load.rows.map(\.protocol) == ["staged", "stop-machine", "barrier"])
      #expect(load.rows.allSatisfy { $0.switches == 2 && $0.undone == 0 })
      #expect(load.rows.allSatisfy { $0.microseconds.median > 0 && $0.gap_microseconds.median > 0 })
    }
  }

  @Test(
    .enabled(if: isSetUp, "run Scripts/guest-setup to have guests booted"),
    arguments: [("hackbench", "rt-tests"), ("files", "fsmark")])
  func missingPackageIsNamed(workload: String, package: String) throws {
    // All but the programs.
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    for name in ["kernels", "series", "busybox"] {
      try FileManager.default.createSymbolicLink(
        at: folder.appending(path: name),
        withDestinationURL: GuestKernel.defaultCache.appending(path: name))
    }
    let run = try tidelock(
      ["guest", "demo", "--workload", workload],
      environment: ["TIDELOCK_GUEST_CACHE": folder.path])
    #expect(run.status == 1)
    #expect(run.errors.contains(package) && run.errors.contains("run Scripts/guest-setup"))
  }

  @Test func missingSetupIsNamed() throws {
    let run = try tidelock(
      ["guest", "demo"], environment: ["TIDELOCK_GUEST_CACHE": "/no/such/cache"])
    #expect(run.status == 1)
    #expect(run.errors.contains("Scripts/guest-setup"))
  }
}
