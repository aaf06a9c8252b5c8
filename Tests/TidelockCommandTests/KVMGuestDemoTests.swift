import Foundation
import GuestTestBed
import Testing

private let isSetUp =
  (try? GuestKernel()).map { (try? KVMHost(kernel: $0)) != nil } ?? false

/// `tidelock guest demo --hypervisor kvm` as a user runs it.
@Suite(.serialized) struct KVMGuestDemoTests {
  private struct Outcome: Decodable {
    struct Phase: Decodable { let set: String }
    struct Soak: Decodable { let done: Int }
    let hypervisor: String
    let dedicated: Bool
    let phases: [Phase]
    let soak: Soak
    let exclusion_kept, text_restored: Bool
  }

  @Test(
    .enabled(if: isSetUp, "run Scripts/guest-setup --kvm to have KVM guests booted"),
    arguments: [
      ([], ["paravirtual", "native", "paravirtual", "test-and-set", "paravirtual"]),
      (["--dedicated"], ["native", "paravirtual", "native", "test-and-set", "native"]),
    ])
  func switchesAGuest(options: [String], sets: [String]) throws {
    let run = try tidelock(
      ["guest", "demo", "--hypervisor", "kvm", "--vcpus", "2", "--seconds", "5", "--switches", "2"]
        + ["--json"] + options)
    #expect(run.status == 0, "\(run.errors)")
    let outcome = try JSONDecoder().decode(Outcome.self, from: Data(run.output.utf8))
    #expect(outcome.hypervisor == "kvm" && outcome.dedicated == !options.isEmpty)
    #expect(outcome.phases.map(\.set) == sets)
    #expect(outcome.soak.done == 2)
    #expect(outcome.exclusion_kept && outcome.text_restored)
  }

  /// The host and its guest go with the program.
  @Test(.enabled(if: isSetUp, "run Scripts/guest-setup --kvm to have KVM guests booted"))
  func interruptionLeavesNothingBehind() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let run = try tidelock(
      ["guest", "demo", "--hypervisor", "kvm", "--vcpus", "2"],
      environment: ["TMPDIR": folder.path]
    ) { process, line in
      if line.contains("on its KVM") { process.interrupt() }
    }
    #expect(run.status == 130)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    let commandLines = try FileManager.default.contentsOfDirectory(atPath: "/proc")
      .filter { Int($0) != nil }
      .compactMap { try? String(contentsOfFile: "/proc/\($0)/cmdline", encoding: .utf8) }
    #expect(commandLines.allSatisfy { !$0.contains(folder.path) })
  }

  /// Nobody tells the guest to switch; what its policy saw and did is in the object.
  @Test(.enabled(if: isSetUp, "run Scripts/guest-setup --kvm to have KVM guests booted"))
  func followsItsHost() throws {
    struct Followed: Decodable {
      struct Phase: Decodable { let name, set: String }
      struct Decision: Decodable {
        let reason, hint: String
        let shares: [String: Double]
      }
      let phases: [Phase]
      let decisions: [Decision]
      let exclusion_kept, text_restored: Bool
    }
    let run = try tidelock(
      "guest", "demo", "--hypervisor", "kvm", "--policy", "auto", "--seconds", "15", "--json")
    #expect(run.status == 0, "\(run.errors)")
    let outcome = try JSONDecoder().decode(Followed.self, from: Data(run.output.utf8))
    #expect(outcome.phases.count == 3)
    #expect(outcome.decisions.contains { $0.shares["steal"] != nil && $0.hint == "dedicated" })
    #expect(outcome.exclusion_kept && outcome.text_restored)
  }
}
