import Foundation
import GuestTestBed
import LockPlatform
import LockSwitching
import Runs
import Synchronization

/// One run of the guest's demo: boots, loads, measures each phase, switches in between, removes.
final class GuestDemoRun: Sendable {
  let plan: GuestDemoPlan
  let display: GuestDemoDisplay
  let record = Synchronization.Mutex(GuestDemoRecord())
  private let kernel: GuestKernel

  init(_ plan: GuestDemoPlan, _ kernel: GuestKernel, _ display: GuestDemoDisplay) {
    self.plan = plan
    self.kernel = kernel
    self.display = display
  }

  /// Runs everything and returns what was measured, to the end or up to a failure.
  ///
  /// - Throws: What went wrong before the load began.
  func execute() async throws -> GuestDemoRecord {
    do {
      display.begin("building the kernel modules for Linux \(kernel.release)")
      let modules = try await GuestModules.build(for: kernel)
      var machine = try plan.machine(kernel)
      machine.files = GuestSwitcher.files(modules)
      if let program = plan.program {
        machine.files.merge(try program.files(of: kernel)) { $1 }
      }
      machine.lifetime = plan.lifetime
      try await boot(machine)
    } catch {
      guard record.withLock({ $0.hasBegun }) else { throw error }
      record.withLock { $0.failure = $0.failure ?? "\(error)" }
    }
    return record.withLock { $0 }
  }

  private func boot(_ machine: some BootableGuest) async throws {
    let display = display
    _ = try await machine.run(progress: { display.begin($0) }, conduct)
  }

  private func conduct(_ shell: GuestShell) async throws {
    do {
      display.begin("loading the modules")
      let switcher = try await GuestSwitcher.load(in: shell)
      try await switcher.limitChanges(to: plan.switchLimit)
      try await switcher.choose(.init(plan.switchProtocol.name.description))
      if let program = plan.program {
        await noteTroubles(shell, during: "boot and loading", plan.booted)
        try await rounds(of: program, shell, switcher)
        display.begin("removing the module")
        try await switcher.unload(limit: plan.switchPatience)
      } else {
        try await torture(shell, switcher)
      }
      let taint = try await shell.read("/proc/sys/kernel/tainted")
      let removal = await shell.log.lines.last { $0.contains("removed; of ") }
      record.withLock {
        $0.taint = Int(taint)
        $0.removal = removal.map {
          String($0[($0.range(of: "removed;")?.lowerBound ?? $0.startIndex)...])
        }
      }
      await noteTroubles(shell, during: "removal", plan.booted)
    } catch {
      await noteTroubles(shell, during: "failure", nil)
      throw error
    }
  }

  /// The phases and the soak, under the load of the torture; then removes the module under it.
  private func torture(_ shell: GuestShell, _ switcher: GuestSwitcher) async throws {
    let torture = try await GuestTorture.load(in: shell)
    await noteTroubles(shell, during: "boot and loading", plan.booted)
    try await torture.start(.init())
    let load = GuestDemoLoad(torture: torture, display: display)
    record.withLock { $0.hasBegun = true }
    try await phases(shell, switcher, load)
    if plan.soak > 0 { try await soak(shell, switcher, torture, load) }
    display.begin("removing the module under load")
    try await switcher.unload(limit: plan.switchPatience)
    display.begin("ending the load")
    try await stop(torture)
    try await torture.unload()
  }

  // MARK: Phases

  private func phases(
    _ shell: GuestShell, _ switcher: GuestSwitcher, _ load: GuestDemoLoad
  ) async throws {
    var set = plan.booted
    for (number, phase) in plan.phases.enumerated() {
      if phase.set != set {
        display.enter(
          set, "switching to \(phase.set.name)", position: "\(number) of \(plan.phases.count)")
        try await change(to: phase.set, switcher, load)
        await noteTroubles(shell, during: "switch to \(phase.set.name)", set)
        set = phase.set
      }
      display.enter(
        set, phase.name, position: "\(number + 1) of \(plan.phases.count)")
      try await measure(phase, load)
      await noteTroubles(shell, during: "\(phase.set.name), \(phase.name)", set)
    }
  }

  /// Lets a phase settle for a tenth of its length and measures the rest.
  private func measure(_ phase: GuestDemoPlan.Phase, _ load: GuestDemoLoad) async throws {
    let start = display.elapsed
    let settled = try await sample(load, for: plan.phaseLength / 10)
    let end = try await sample(load, for: plan.phaseLength * 9 / 10)
    let measured = GuestDemoRecord.Phase(
      name: phase.name, set: phase.set, start: start, end: display.elapsed,
      acquisitions: end.acquisitions - settled.acquisitions,
      milliseconds: end.milliseconds - settled.milliseconds,
      vcpus: zip(end.cpus, settled.cpus).map { $0 - $1 })
    record.withLock { $0.phases.append(measured) }
    display.end(measured)
  }

  /// Samples for a while; returns the last sample, taken at the end of that time.
  private func sample(
    _ load: GuestDemoLoad, for length: Duration
  ) async throws -> GuestTorture.Statistics {
    let end = ContinuousClock.now + length
    while true {
      let statistics = try await load.sample()
      record.withLock { $0.samples = load.samples }
      let left = end - .now
      guard left > .zero else { return statistics }
      try await Task.sleep(for: min(left, GuestDemoLoad.interval))
    }
  }

  /// Switches, and keeps sampling the load, if there is one, while the kernel does.
  func change(
    to set: LockSet, _ switcher: GuestSwitcher, _ load: GuestDemoLoad? = nil
  ) async throws {
    let at = display.elapsed
    let deadline = ContinuousClock.now + plan.switchPatience
    try await switcher.beginChange(to: set.name.description)
    while try await !switcher.hasEndedChange {
      if let load {
        _ = try await load.sample()
        record.withLock { $0.samples = load.samples }
      }
      guard ContinuousClock.now < deadline else { throw GuestDemoFailure.switchHangs(set) }
      try await Task.sleep(for: GuestDemoLoad.interval / 2)
    }
    let report = try await switcher.lastSwitch
    guard report.to == set.name.description, report.result == "done" else {
      throw GuestDemoFailure.notSwitched(set, report.error ?? report.result)
    }
    record.withLock { $0.switches.append((report, at)) }
    display.end(report, lasted: display.elapsed - at)
  }

  // MARK: Soak

  /// Switches between the two queues again and again while every context of every vCPU takes locks.
  private func soak(
    _ shell: GuestShell, _ switcher: GuestSwitcher, _ torture: GuestTorture, _ load: GuestDemoLoad
  ) async throws {
    display.begin("changing the load for the soak")
    try await stop(torture)
    try await torture.start(plan.soakLoad)
    load.restart()
    var soak = GuestDemoRecord.Soak()
    soak.asked = plan.soak
    soak.start = display.elapsed
    record.withLock { $0.soak = soak }
    let nmis = NMIStorm(shell, period: plan.nmiPeriod)
    defer { nmis.cancel() }
    for number in 0..<plan.soak {
      try Task.checkCancellation()
      let set = plan.soakSet(number)
      // One that was undone or refused counts too, and the soak goes on.
      let report = try await switcher.tryToChange(
        to: set.name.description, limit: plan.switchPatience)
      soak.results[report.result, default: 0] += 1
      if report.result == "done" { soak.took.append(report.microseconds) }
      soak.lastError = report.error ?? soak.lastError
      soak.seconds = display.elapsed - soak.start
      soak.nmis = nmis.count
      if load.isDue {
        _ = try await load.sample()
        soak.samples = load.samples
      }
      record.withLock { $0.soak = soak }
      display.update(soak)
    }
    await nmis.end()
    // Whatever was injected last has arrived once every vCPU has answered.
    soak.load = try await load.sample()
    soak.nmis = nmis.count
    record.withLock { $0.soak = soak }
    await noteTroubles(shell, during: "soak", nil)
    display.end(soak)
  }

  private func stop(_ torture: GuestTorture) async throws {
    let statistics = try await torture.stop(limit: plan.switchPatience)
    record.withLock { $0.exclusion.append(statistics.exclusion ?? false) }
  }

  /// Records what trouble the kernel has reported since the last call.
  func noteTroubles(_ shell: GuestShell, during part: String, _ set: LockSet?) async {
    let all = await shell.log.troubles
    record.withLock { record in
      record.troubles += all.dropFirst(record.troubles.count).map { kind, line in
        .init(kind: kind.rawValue, during: part, line: line, isNative: set == .native)
      }
    }
  }
}

/// Why a run ended early, where the guest itself reports nothing.
enum GuestDemoFailure: Error, CustomStringConvertible {
  case switchHangs(LockSet)
  case notSwitched(LockSet, String)

  var description: String {
    switch self {
    case .switchHangs(let set):
      "The switch to \(set.name) ended neither in its time limit nor in its undoing; please report"
        + " this with the kernel's log."
    case .notSwitched(let set, let reason):
      "The guest did not switch to \(set.name): \(reason); on a less busy host there is more time."
    }
  }
}
