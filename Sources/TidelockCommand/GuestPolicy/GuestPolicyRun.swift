import Foundation
import GuestTestBed
import Runs
import Synchronization

/// A guest on KVM whose host gets other work and loses it again, and which follows by itself.
final class GuestPolicyRun: Sendable {
  let vcpus: Int
  /// How long all three phases take.
  let seconds: Double
  private let kernel: GuestKernel
  private let display: RunDisplay
  private let record = Synchronization.Mutex(GuestPolicyRecord())

  /// How long the demo waits for a command in a guest that hardly gets a CPU.
  private static let patience = Duration.seconds(240)
  private static let folder = "/sys/kernel/tidelock"

  init(vcpus: Int, seconds: Double, _ kernel: GuestKernel, _ display: RunDisplay) {
    self.vcpus = vcpus
    self.seconds = seconds
    self.kernel = kernel
    self.display = display
  }

  /// Runs everything and returns what was measured, to the end or up to a failure.
  func execute() async throws -> GuestPolicyRecord {
    do {
      display.begin("building the kernel modules for Linux \(kernel.release)")
      var host = try KVMHost(kernel: kernel)
      host.files = GuestSwitcher.files(try await GuestModules.build(for: kernel))
      // So that the guest has its CPUs to itself while there is no other work.
      host.cpus = vcpus * 2
      host.lifetime = 1200 + Int(seconds)
      _ = try await host.run(progress: { self.display.begin($0) }, conduct)
    } catch {
      guard record.withLock({ $0.hasBegun }) else { throw error }
      record.withLock { $0.failure = $0.failure ?? "\(error)" }
    }
    return record.withLock { $0 }
  }

  private func conduct(_ host: RunningKVMHost) async throws {
    var features = KVMFeatures()
    // It boots native, and switches by what it sees.
    features.isDedicated = true
    let guest = try await host.boot(
      KVMGuest(vcpus: vcpus, features: features), progress: { self.display.begin($0) })
    let shell = guest.shell
    let switcher = try await GuestSwitcher.load(in: shell)
    try await switcher.limitChanges(to: .seconds(60))
    let torture = try await GuestTorture.load(in: shell)
    try await torture.start(.init())
    try await shell.write("auto", to: "\(Self.folder)/policy")
    record.withLock { $0.hasBegun = true }
    let start = ContinuousClock.now
    let plan = [("CPUs of its own", false), ("a host with other work", true), ("again", false)]
    for (name, isStolen) in plan {
      if isStolen { try await begin(host) }
      try await follow(name, isStolen, since: start, shell, switcher)
      if isStolen { try await end(host) }
    }
    let lines = try await shell.run("cat \(Self.folder)/decisions", limit: Self.patience)
    record.withLock { record in
      record.decisions = lines.split(separator: "\n").compactMap { GuestDecision(line: $0) }
    }
    display.begin("removing the module under load")
    try await switcher.unload(limit: Self.patience)
    let statistics = try await torture.stop(limit: Self.patience)
    let removal = await shell.log.lines.last { $0.contains("removed; of ") }
    record.withLock {
      $0.exclusion = statistics.exclusion
      $0.isRestored = removal?.contains(" 0 differ")
    }
  }

  // MARK: The host's other work

  private func begin(_ host: RunningKVMHost) async throws {
    let hogs = "(while :; do :; done) & echo $! >>/tmp/hogs"
    try await host.shell.run("for i in $(seq \(vcpus * 4)); do \(hogs); done")
  }

  private func end(_ host: RunningKVMHost) async throws {
    try await host.shell.run("kill $(cat /tmp/hogs); rm /tmp/hogs", limit: Self.patience)
  }

  // MARK: Looking

  /// Looks at the guest for a third of the time.
  private func follow(
    _ name: String, _ isStolen: Bool, since begin: ContinuousClock.Instant, _ shell: GuestShell,
    _ switcher: GuestSwitcher
  ) async throws {
    func elapsed() -> Double { (ContinuousClock.now - begin).seconds }
    let start = elapsed()
    let first = try await look(shell)
    note(first, at: start)
    var last = first
    while elapsed() - start < seconds / 3 {
      try await Task.sleep(for: .milliseconds(400))
      let now = try await look(shell)
      let at = elapsed()
      if now.set != last.set {
        let report = try await switcher.lastSwitch
        record.withLock { $0.switches.append(.init(at: at, report: report)) }
        display.show(
          "switched from \(report.from) to \(report.to) in"
            + " \(Quantity.duration(microseconds: report.microseconds)), asked by \(report.reason)")
      }
      note(now, at: at)
      if let decision = now.decision, decision.seconds != last.decision?.seconds {
        let line = "\(name): \(now.set); \(decision.words)"
        if decision.change != nil { display.show(line) }
        display.show(line, every: .seconds(2))
        display.draw([line])
      }
      last = now
    }
    let time = max(1, last.statistics.milliseconds - first.statistics.milliseconds)
    let count = last.statistics.acquisitions - first.statistics.acquisitions
    let phase = GuestPolicyRecord.Phase(
      name: name, isStolen: isStolen, start: start, end: elapsed(), set: last.set,
      acquisitionsPerSecond: Double(count) * 1000 / Double(time))
    record.withLock { $0.phases.append(phase) }
  }

  private func note(_ look: Look, at seconds: Double) {
    let statistics = look.statistics
    record.withLock { record in
      record.rates.note(
        statistics.acquisitions, at: seconds, clock: Double(statistics.milliseconds) / 1000)
      if let steal = look.decision?.shares["steal"] { record.steal.append((seconds, steal)) }
    }
  }

  private struct Look {
    let set: String
    let statistics: GuestTorture.Statistics
    let decision: GuestDecision?
  }

  /// In one command: the guest may be slow to answer.
  private func look(_ shell: GuestShell) async throws -> Look {
    let command =
      "cat \(Self.folder)/set /sys/kernel/tidelock_torture/stats; tail -n 1 \(Self.folder)/decisions"
    let output = try await shell.run(command, limit: Self.patience)
    let lines = output.split(separator: "\n")
    guard lines.count >= 2 else {
      throw GuestError.unexpectedOutput(command: command, output: output)
    }
    return Look(
      set: String(lines[0]),
      statistics: try JSONDecoder().decode(
        GuestTorture.Statistics.self, from: Data(lines[1].utf8)),
      decision: lines.count > 2 ? GuestDecision(line: lines[2]) : nil)
  }
}

extension GuestDecision {
  /// For a terminal.
  var words: String {
    let names = ["steal", "native loses", "paravirtual loses"]
    let seen = names.compactMap { name in shares[name].map { "\(name) \($0) %" } }
    let why = change.map { "to \($0), \(reason)" } ?? reason
    return seen.isEmpty ? why : "\(why): \(seen.joined(separator: ", "))"
  }
}
