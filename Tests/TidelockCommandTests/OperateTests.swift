import CompiledFixtures
import Foundation
import KernelImages
import LockPlatform
import Testing
import TidelockCommand

/// What an operator's commands make of the module's files and of their own.
@Suite struct OperateTests {
  let root: String

  /// A copy of the files of a loaded module (Guest/ABI.md).
  init() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    root = folder.path
    let files = [
      "sys/module/tidelock/version": TidelockProgram.version,
      "sys/kernel/tidelock/set": "native",
      "sys/kernel/tidelock/time_limit": "10000",
      "sys/kernel/tidelock/last_switch": "",
      "sys/kernel/tidelock/status": """
      set: native
      boot_set: paravirtual
      kernel: 6.1.0-56-amd64
      in_place: slow-path=native unlock=native wait=native kick=native
      settled: yes
      sites: slow-path=14 unlock=18 wait=1 kick=1 vcpu-is-preempted=11
      hypervisor: KVM
      dedicated_hint: no
      pv_unhalt: yes
      steal_time: yes
      kick_by: kvm
      switches: done=3 unchanged=0 refused=1 undone=0 stuck=0
      breakpoints: task=5 softirq=0 hardirq=1 nmi=0
      joined_lock_step: task=0 softirq=0 hardirq=0 nmi=0
      released_at_breakpoints: task=0 softirq=0 hardirq=0 nmi=0
      blocked_by: nothing
      """,
      "proc/stat": "cpu  100 0 50 1000 0 0 0 250 0 0\ncpu0 100 0 50 1000 0 0 0 250 0 0\n",
    ]
    for (path, text) in files {
      let file = folder.appending(path: path)
      try FileManager.default.createDirectory(
        at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(text.utf8).write(to: file)
    }
  }

  /// The copy of a switch's report that the kernel wrote.
  private func writeReport() throws {
    let report = """
      {"protocol":"staged","from":"paravirtual","to":"native","reason":"operator"}
      """
    try Data(report.utf8).write(to: URL(fileURLWithPath: root + "/sys/kernel/tidelock/last_switch"))
  }

  @Test func readsWhatTheModuleSays() throws {
    let module = try RunningModule(root: root)
    #expect(try module.status("boot_set") == "paravirtual")
    #expect(try module.counters("switches").first { $0.name == "done" }?.count == 3)
    // Half a report is none.
    try writeReport()
    #expect(try module.lastSwitch() == nil)
    let lines = try ModuleStatus(module, root: root).lines
    #expect(lines[0] == "Set        native, booted with paravirtual")
    #expect(lines.contains { $0.contains("6.1.0-56-amd64, on KVM, kicks by kvm") })
    #expect(!lines.contains { $0.hasPrefix("Module") })
  }

  @Test func saysThatAnotherVersionIsLoaded() throws {
    let file = URL(fileURLWithPath: root + "/sys/module/tidelock/version")
    try Data("0.9.0\n".utf8).write(to: file)
    let status = try ModuleStatus(RunningModule(root: root), root: root)
    let line = try #require(status.lines.first { $0.hasPrefix("Module") })
    #expect(line.contains("version 0.9.0 is loaded, and \(TidelockProgram.version) comes with"))
    #expect(line.contains("systemctl restart tidelock"))
  }

  @Test func saysThatNothingIsLoaded() throws {
    #expect(throws: OperatorError.notLoaded) { try RunningModule(root: root + "/nowhere") }
    #expect("\(OperatorError.notLoaded)".contains("systemctl start tidelock"))
  }

  @Test func writesASet() throws {
    let module = try RunningModule(root: root)
    try module.choose("paravirtual")
    #expect(try module.read("set") == "paravirtual")
    #expect(throws: OperatorError.noPolicy) { try module.choose("auto") }
    try Data("off".utf8).write(to: URL(fileURLWithPath: root + "/sys/kernel/tidelock/policy"))
    try module.choose("auto")
    // A policy takes nothing from the file of sets.
    #expect(try module.read("set") == "paravirtual")
    #expect(try module.read("policy") == "auto")
  }

  @Test func countsForMonitoring() throws {
    let text = try GuestMetrics(root: root).text
    let lines = text.split(separator: "\n")
    for line in [
      "tidelock_loaded 1", #"tidelock_set{set="native"} 1"#, #"tidelock_set{set="paravirtual"} 0"#,
      #"tidelock_switches_total{result="refused"} 1"#, "tidelock_settled 1",
      "tidelock_module_info{version=\"\(TidelockProgram.version)\"} 1",
      "tidelock_steal_seconds_total 2.5",
    ] {
      #expect(lines.contains { $0 == line }, "\(line) is not in:\n\(text)")
    }
    // Every metric is explained once, as the collector demands.
    let values = lines.filter { !$0.hasPrefix("#") }
    let named = Set(values.map { $0.prefix { $0 != "{" && $0 != " " } })
    for name in named { #expect(lines.count { $0.hasPrefix("# TYPE \(name) ") } == 1) }

    let file = root + "/metrics.prom"
    try GuestMetrics(root: root).write(to: file)
    #expect(try String(contentsOfFile: file, encoding: .utf8) == text)
    #expect(throws: OutputError.self) {
      try GuestMetrics(root: root).write(to: root + "/nowhere/metrics.prom")
    }
    #expect(try GuestMetrics(root: root + "/nowhere").text.contains("tidelock_loaded 0"))
  }

  @Test func readsTheConfiguration() throws {
    let text =
      "# all\npolicy = auto  # follow\nset=native\n\ntime_limit = 250\nmetrics = /x/y.prom\n"
    let configuration = try OperatorConfiguration(text, path: "conf")
    #expect(configuration.policy == .auto && configuration.set == .native)
    #expect(configuration.timeLimit == 250 && configuration.metrics == "/x/y.prom")
    #expect(try OperatorConfiguration("metrics = off", path: "conf") == OperatorConfiguration())
    #expect(try OperatorConfiguration(path: root + "/nowhere.conf") == OperatorConfiguration())
  }

  @Test(arguments: [
    ("policy = autoo", "conf:1: policy is 'autoo'; it can be auto, hint or off."),
    ("\nset = fast", "conf:2: set is 'fast'; it can be boot, native, paravirtual or test-and-set."),
    ("time_limit = 0", "conf:1: time_limit is '0'; it can be 1 to 600000, in milliseconds."),
    ("metrics = here", "conf:1: metrics is 'here'; it can be off or an absolute path."),
    (
      "polcy = auto",
      "conf:1: there is no key 'polcy'; there are policy, set, time_limit and metrics."
    ),
    ("policy", "conf:1: 'policy' is not 'key = value'."),
    ("policy =", "conf:1: 'policy =' is not 'key = value'."),
    ("set = boot\nset = native", "conf:2: set has been given before."),
  ])
  func namesWhatIsWrongThere(text: String, message: String) {
    let error = #expect(throws: ConfigurationError.self) {
      try OperatorConfiguration(text, path: "conf")
    }
    #expect(error?.description == message)
  }

  @Test func shippedConfigurationIsTheDefault() throws {
    let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    let shipped = try OperatorConfiguration(
      path: repository.appending(path: "debian/tidelock.conf").path)
    #expect(shipped == OperatorConfiguration())
    // One version, wherever it stands.
    let glue = try String(
      contentsOf: repository.appending(path: "Guest/Module/glue.c"), encoding: .utf8)
    #expect(glue.contains("MODULE_VERSION(\"\(TidelockProgram.version)\")"))
    let changelog = try String(
      contentsOf: repository.appending(path: "debian/changelog"), encoding: .utf8)
    let debian = TidelockProgram.version.replacing("-", with: "~")
    #expect(changelog.hasPrefix("tidelock (\(debian)-"))
  }

  @Test func surveysSites() throws {
    let symbols = try #require(
      LiveSymbols(
        kallsyms: "ffffffff81000000 T _text\nffffffff81000100 t native_queued\t[kernel]\n"))
    let text: UInt64 = 0xffff_ffff_8100_0000
    #expect(symbols.text == text && symbols.name(of: text + 0x100) == "native_queued")
    #expect(symbols.place(of: text + 0x10f) == "native_queued+0xf")
    #expect(symbols.place(of: text - 1) == "0xffffffff80ffffff")
    // At 0x10: call 0x100; at 0x20 the same, one byte on; at 0x30 a store.
    let memory: [UInt64: [UInt8]] = [
      text + 0x10: [0xe8, 0xeb, 0, 0, 0, 0x90], text + 0x20: [0xe8, 0xdb, 0, 0, 0, 0x90],
      text + 0x30: [0xc6, 7, 0, 0xf, 0x1f, 0],
    ]
    let whole = try SiteSurvey([(.slowPath, 0x10), (.slowPath, 0x20), (.unlock, 0x30)], symbols) {
      memory[$0] ?? []
    }
    #expect(whole.isWhole)
    #expect(whole.lines[1] == "slow-path: 2 sites hold call native_queued")
    #expect(whole.lines[0] == "unlock: 1 site holds c6 07 00 0f 1f 00")
    let torn = try SiteSurvey([(.unlock, 0x10), (.unlock, 0x30)], symbols) { memory[$0] ?? [] }
    #expect(!torn.isWhole)
    #expect(LiveSymbols(kallsyms: "0000000000000000 T _text\n") == nil)
  }
}
