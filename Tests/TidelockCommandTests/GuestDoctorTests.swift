import CompiledFixtures
import Foundation
import Testing
import TidelockCommand

/// What `tidelock guest doctor` makes of what a system says about itself.
@Suite struct GuestDiagnosisTests {
  /// A guest that can be switched.
  private static var healthy: GuestFacts {
    var facts = GuestFacts()
    facts.release = "6.1.0-56-amd64"
    facts.mayLoadModules = true
    facts.image = .sites(86)
    facts.hasHeaders = true
    facts.options = [
      "PARAVIRT_SPINLOCKS": "y", "MODULES": "y", "MODULE_UNLOAD": "y", "KPROBES": "y",
      "KALLSYMS_ALL": "y",
    ]
    facts.hypervisor = .init(
      signature: "KVMKVMKVM", kvm: .init(features: 1 << 7 | 1 << 5, hints: 1))
    facts.lockdown = "none"
    facts.probesOnSites = []
    return facts
  }

  private func check(_ name: String, _ facts: GuestFacts) throws -> GuestDiagnosis.Check {
    try #require(GuestDiagnosis(facts).checks.first { $0.name == name })
  }

  @Test func healthyGuestCanBeSwitched() {
    let diagnosis = GuestDiagnosis(Self.healthy)
    #expect(diagnosis.canSwitch == .yes)
    #expect(diagnosis.checks.allSatisfy { $0.verdict == .ok && $0.wayOut == nil })
  }

  /// One thing that is wrong, and the check that says so.
  private static let faults: [(String, @Sendable (inout GuestFacts) -> Void, String)] = [
    ("image", { $0.image = .other("6.1.0-55-amd64") }, "6.1.0-55-amd64"),
    ("image", { $0.image = .unsuitable("no call is replaced") }, "no call is replaced"),
    ("lock operations", { $0.options?["PARAVIRT_SPINLOCKS"] = nil }, "CONFIG_PARAVIRT_SPINLOCKS"),
    ("lock operations", { $0.surroundings.hasOtherOperations = true }, "Linux 7"),
    ("confidential or Xen PV", { $0.surroundings.isXenPV = true }, "Xen PV"),
    ("confidential or Xen PV", { $0.surroundings.isTDX = true }, "TDX"),
    ("confidential or Xen PV", { $0.surroundings.isStateEncrypted = true }, "SEV-ES"),
    ("kgdb", { $0.surroundings.hasDebugger = true }, "kgdboc"),
    ("lockdown", { ($0.lockdown, $0.isSecureBoot) = ("integrity", true) }, "Secure Boot"),
    ("module signing", { $0.mustBeSigned = true }, "signed"),
    ("loading", { $0.areModulesDisabled = true }, "modules_disabled"),
    ("kprobes", { $0.probesOnSites = ["_raw_spin_unlock+0x7"] }, "_raw_spin_unlock+0x7"),
    ("module", { $0.status = ["set": "native", "blocked_by": "other"] }, "other"),
  ]

  @Test(arguments: faults.indices)
  func eachFaultIsNamedWithTheWayOut(_ index: Int) throws {
    let (name, change, word) = Self.faults[index]
    var facts = Self.healthy
    change(&facts)
    let diagnosis = GuestDiagnosis(facts)
    #expect(diagnosis.canSwitch == .no)
    let check = try check(name, facts)
    #expect(check.verdict == .no && "\(check.finding)".contains(word))
    #expect(diagnosis.checks.filter { $0.verdict == .no }.count == 1)
  }

  @Test func whatCannotBeReadIsUnknown() throws {
    var facts = Self.healthy
    facts.probesOnSites = nil
    #expect(GuestDiagnosis(facts).canSwitch == .unknown)
    facts = Self.healthy
    facts.image = .missing
    #expect(GuestDiagnosis(facts).canSwitch == .unknown)
    // What forbids it outweighs what is unknown.
    facts.areModulesDisabled = true
    #expect(GuestDiagnosis(facts).canSwitch == .no)
  }

  @Test func machinesThatAreNoGuestsAreToldSo() throws {
    var facts = Self.healthy
    facts.hypervisor = nil
    #expect(GuestDiagnosis(facts).canSwitch == .yes)
    let check = try check("hypervisor", facts)
    #expect(check.verdict == .note && check.finding.contains("not a guest"))
  }
}

/// What is read of a system, from a folder made for it.
@Suite struct GuestFactCollectorTests {
  let fixture: CompiledFixture
  let root: URL

  init() throws {
    fixture = try CompiledFixture()
    root = URL(fileURLWithPath: fixture.path("root"), isDirectory: true)
    let vmlinux = try SyntheticKernel(.separate).link(in: fixture)
    try write([UInt8](SyntheticBootImage.pack(vmlinux, .xz)), "boot/vmlinuz-\(Self.release)")
    try write(Self.release + "\n", "proc/sys/kernel/osrelease")
  }

  private static let release = SyntheticKernel.release

  private func write(_ text: String, _ file: String) throws { try write(Array(text.utf8), file) }

  private func write(_ bytes: [UInt8], _ file: String) throws {
    let url = root.appending(path: file)
    try FileManager.default.createDirectory(
      at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(bytes).write(to: url)
  }

  private func collect(_ leaves: [UInt32: (UInt32, UInt32, UInt32, UInt32)] = [:]) async
    -> GuestFacts
  {
    var collector = GuestFacts.Collector()
    collector.root = root.path
    collector.leaf = { leaves[$0] ?? (0, 0, 0, 0) }
    return await collector.collect()
  }

  @Test func readsAKVMGuest() async throws {
    try write("# no\nCONFIG_MODULES=y\n# CONFIG_KGDB is not set\n", "boot/config-\(Self.release)")
    try write("none [integrity] confidentiality\n", "sys/kernel/security/lockdown")
    try write("N\n", "sys/module/module/parameters/sig_enforce")
    try write("0\n", "proc/sys/kernel/modules_disabled")
    try write("\n", "sys/module/kgdboc/parameters/kgdboc")
    try write("flags\t\t: fpu hypervisor\n", "proc/cpuinfo")
    try write("0 d pv_ops\n", "proc/kallsyms")
    try write("set: native\nblocked_by: nothing\n", "sys/kernel/tidelock/status")
    try write(
      [6, 0, 0, 0, 1], "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c")
    let facts = await collect([
      1: (0, 0, 1 << 31, 0),
      0x4000_0000: (0x4000_0001, 0x4b4d_564b, 0x564b_4d56, 0x4d),
      0x4000_0001: (1 << 7, 0, 0, 1),
    ])
    #expect(facts.release == Self.release)
    #expect(facts.image == .sites(6))
    #expect(facts.options == ["MODULES": "y"])
    #expect(!facts.hasHeaders)
    #expect(facts.hypervisor?.kvm == .init(features: 1 << 7, hints: 1))
    #expect(facts.lockdown == "integrity" && facts.isSecureBoot)
    #expect(!facts.mustBeSigned && !facts.areModulesDisabled)
    #expect(facts.surroundings == .init())
    #expect(facts.status?["blocked_by"] == "nothing")
    // debugfs is not mounted.
    #expect(facts.probesOnSites == nil)
  }

  @Test func findsWhatForbids() async throws {
    try write("PV\n", "sys/hypervisor/guest_type")
    try write("ttyS0\n", "sys/module/kgdboc/parameters/kgdboc")
    try write("0 D pv_ops_lock\n", "proc/kallsyms")
    try write("1\n", "proc/sys/kernel/modules_disabled")
    // A probe on a site, disabled; one too far before it; one in a module.
    try write(
      """
      ffffffff81000000  k  unlock+0x0    [DISABLED]
      ffffffff81000000  k  elsewhere+0x0
      ffffffff81000000  k  unlock+0x400
      """, "sys/kernel/debug/kprobes/list")
    let facts = await collect()
    #expect(facts.hypervisor == nil)
    #expect(facts.surroundings.isXenPV && facts.surroundings.hasDebugger)
    #expect(facts.surroundings.hasOtherOperations && facts.areModulesDisabled)
    #expect(facts.probesOnSites == ["unlock+0x0"])
  }

  @Test func commandSaysSoByItsStatus() throws {
    // Nowhere is there such a kernel, so that something is always wrong or unknown.
    let result = try tidelock(["guest", "doctor", "--image", "/nowhere", "--json"])
    #expect([1, 3].contains(result.status))
    #expect(result.errors.isEmpty)
    struct Diagnosis: Decodable {
      struct Check: Decodable { let name, verdict, finding: String }
      let canSwitch: String
      let checks: [Check]
    }
    let diagnosis = try JSONDecoder().decode(Diagnosis.self, from: Data(result.output.utf8))
    #expect(diagnosis.canSwitch != "yes")
    #expect(diagnosis.checks.first { $0.name == "image" }?.verdict == "unknown")
  }
}
