import GuestTestBed
import Testing

private let folder = "/sys/kernel/tidelock"

extension GuestTests {
  @Test("the policy where nothing is to be seen: off, blind, pinned, given back; refused words")
  func policyIsBlind() async throws {
    let kernel = try GuestKernel()
    var machine = GuestMachine(kernel: kernel, vcpus: 2)
    machine.files = GuestSwitcher.files(try await GuestModules.build(for: kernel))
    // Stronger than the module's parameter.
    machine.kernelArguments = ["tidelock.policy=off"]
    let (_, log) = try await machine.run { shell in
      let load = "insmod /tidelock.ko sites=/sites emulated=1"
      #expect(try await shell.tryToRun("\(load) policy=off").status == 0)
      try await shell.run("rmmod tidelock")
      try await shell.run("\(load) policy=auto")
      #expect(try await shell.read("\(folder)/policy") == "off")
      #expect(try await shell.read("\(folder)/decisions") == "")
      for word in ["perhaps", "automatic", "off-duty", "''"] {
        let (status, said) = try await shell.tryToRun("echo \(word) > \(folder)/policy")
        #expect(status != 0 && said.contains("Invalid argument"), "\(word): \(said)")
      }
      // The same user, without the capability.
      let (status, said) = try await shell.tryToRun(
        "unshare -U sh -c 'echo auto > \(folder)/policy'")
      #expect(status != 0 && said.contains("not permitted"), "\(said)")
      #expect(try await shell.read("\(folder)/policy") == "off")

      try await shell.write("auto", to: "\(folder)/policy")
      try await waitForDecision("native, blind", in: shell)

      // An operator's word stays, and what comes and goes meanwhile is no steal.
      try await shell.write("paravirtual", to: "\(folder)/set")
      #expect(try await shell.read("\(folder)/policy") == "auto, pinned to paravirtual")
      try await waitForDecision("paravirtual, pinned", in: shell)
      let second = "/sys/devices/system/cpu/cpu1/online"
      try await shell.run("echo 0 > \(second); echo 1 > \(second)")
      try await shell.write("auto", to: "\(folder)/policy")
      #expect(try await shell.read("\(folder)/policy") == "auto")
      try await waitForDecision("paravirtual, blind", in: shell)
      let decisions = try await shell.read("\(folder)/decisions")
      #expect(!decisions.contains("more-than-time") && !decisions.contains("ran-backwards"))
      #expect(try await shell.read("\(folder)/set") == "paravirtual")

      // It is removed while the policy decides.
      try await shell.write("native", to: "\(folder)/set")
      try await shell.write("hint", to: "\(folder)/policy")
      try await waitForDecision("native, hint-only", in: shell)
      try await shell.run("rmmod tidelock")
      #expect(try await shell.tryToRun("\(load) policy=perhaps").status == 0)
    }
    #expect(log.troubles.isEmpty)
  }
}

/// Waits, in the guest, for a decision.
func waitForDecision(_ words: String, in shell: GuestShell) async throws {
  try await shell.run(
    "until grep -q '\(words)' \(folder)/decisions; do sleep 0.1; done", limit: .seconds(120))
}

extension KVMGuestTests {
  @Test("steal comes and goes: the policy goes to paravirtual and back; an operator's word stays")
  func policyFollowsSteal() async throws {
    var host = try await Self.host()
    // So that the guest has its CPUs to itself while nobody else wants them.
    host.cpus = 4
    let (_, hostLog) = try await host.run { host in
      let guest = try await host.boot(
        KVMGuest(vcpus: 2, features: Self.features(dedicated: true)))
      let shell = guest.shell
      let load = "insmod /tidelock.ko sites=/sites emulated=1"
      let (status, said) = try await shell.tryToRun("\(load) policy=perhaps")
      #expect(status != 0 && said.contains("nvalid"), "\(said)")
      #expect(await shell.log.lines.contains { $0.contains("policy=perhaps is not known") })
      try await shell.run("\(load) policy=auto")
      #expect(try await shell.read("\(folder)/set") == "native")
      // The worker gets its CPU while native locks stand still.
      let torture = try await GuestTorture.load(in: shell)
      try await torture.start(.init())

      func hogs(_ areWanted: Bool) async throws {
        try await host.shell.run(
          areWanted
            ? "for i in 1 2 3 4 5 6 7 8; do (while :; do :; done) & echo $! >>/tmp/hogs; done"
            : "kill $(cat /tmp/hogs); rm /tmp/hogs")
      }
      for (areWanted, set) in [(true, "paravirtual"), (false, "native")] {
        try await hogs(areWanted)
        try await shell.run(
          "until [ $(cat \(folder)/set) = \(set) ]; do sleep 1; done", limit: .seconds(240))
        #expect(try await shell.read("\(folder)/last_switch").contains("\"reason\":\"policy\""))
        try await waitForDecision("\(set), switched", in: shell)
      }
      try await shell.write("native", to: "\(folder)/set", limit: .seconds(240))
      try await hogs(true)
      try await waitForDecision("native, pinned: steal [1-9][0-9]", in: shell)
      #expect(try await shell.read("\(folder)/set") == "native")
      try await hogs(false)

      try await shell.run("rmmod tidelock", limit: .seconds(240))
      #expect(try await torture.stop().exclusion == true)
      let log = await shell.log
      #expect(log.troubles.isEmpty)
      #expect(log.lines.contains { $0.contains("removed;") && $0.contains(" 0 differ") })
    }
    #expect(hostLog.troubles.isEmpty)
  }
}
