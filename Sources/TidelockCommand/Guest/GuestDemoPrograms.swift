import GuestTestBed
import LockSwitching

extension GuestDemoRun {
  /// Runs a program once under each set, round by round, so that a change in the host affects all sets.
  func rounds(
    of program: GuestWorkload, _ shell: GuestShell, _ switcher: GuestSwitcher
  ) async throws {
    let phases = plan.programPhases
    record.withLock {
      $0.hasBegun = true
      $0.programs = ProgramRuns(program, phases: phases)
    }
    var set = plan.booted
    for round in 0..<plan.rounds {
      for (index, phase) in phases.enumerated() {
        if phase.set != set {
          display.enter("switching to \(phase.set.name)")
          try await change(to: phase.set, switcher)
          await noteTroubles(shell, during: "switch to \(phase.set.name)", set)
          set = phase.set
        }
        let number = round * phases.count + index + 1
        display.enter(
          "\(program.program.name) under \(set.name), run \(number) of \(plan.rounds * phases.count)"
        )
        let seconds = try await program.run(in: shell)
        record.withLock { $0.programs?.add(phase: index, seconds: seconds) }
        display.end(program, phase, seconds: seconds)
        await noteTroubles(shell, during: "\(phase.set.name), \(phase.name)", set)
      }
    }
  }
}

extension GuestDemoPlan.Workload {
  /// What happens in the guest.
  var sentence: String {
    switch self {
    case .torture:
      "Tasks on all of them take one spinlock, and the kernel's lock operations are switched under"
        + " them."
    case .hackbench:
      "hackbench, whose threads send each other messages, runs under each set of the kernel's lock"
        + " operations in turn."
    case .files:
      "fs_mark, whose processes create files in memory, runs under each set of the kernel's lock"
        + " operations in turn."
    }
  }
}
