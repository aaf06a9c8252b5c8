import LockPlatform
import LockSwitching
import ModelChecker

/// The CPU that switches, once or several times.
enum Switcher {
  static let body: @convention(c) (UInt32) -> Void = { _ in
    ModelNMIs.begin()
    for round in 0..<ModelSettings.current.roundCount { perform(round) }
    // What could not be undone is no more than a state: the next request goes on from there, and by
    // now nothing is left that fails.
    if Simulated.load(ModelMemory.result, .relaxed) == 0 {
      Simulated.store(.max, to: ModelMemory.failures, .relaxed)
      perform(ModelSettings.current.roundCount - 1)
    }
    if ModelSettings.current.switchProtocol != .staged {
      ModelMachine.store(1, to: ModelMemory.finished, .releasing)
    }
  }

  /// Not inlined: the report is gone when it returns.
  @inline(never)
  private static func perform(_ round: Int) {
    let setting = ModelSettings.current
    let request = SwitchRequest(
      to: setting.rounds[round], using: setting.switchProtocol, options: setting.options,
      poking: setting.method, timeLimit: 1, reason: .operator)
    Simulated.store(
      Simulated.load(ModelMemory.state, .relaxed), to: ModelMemory.stateBefore, .relaxed)
    Simulated.store(0, to: ModelMemory.failuresNow, .relaxed)
    Simulated.store(0, to: ModelMemory.failedLate, .relaxed)
    Simulated.store(
      UInt64(request.to.implementation(of: .slowPath).rawValue) &+ 1, to: ModelMemory.wanted,
      .relaxed)
    let result = run(request)
    Simulated.store(0, to: ModelMemory.failuresNow, .relaxed)
    Simulated.store(0, to: ModelMemory.failedLate, .relaxed)
    Simulated.store(0, to: ModelMemory.failedInText, .relaxed)
    Simulated.store(0, to: ModelMemory.stateBefore, .relaxed)
    note(result, request)
  }

  @inline(never)
  private static func run(_ request: SwitchRequest) -> SwitchResult {
    let edit = ModelSettings.current.planEdit
    let first = ModelSettings.current.first
    let report = SwitchRun<ModelTarget>.run(request) { state, set in
      edit?.plan(from: state, to: set, first: first) ?? Plan(from: state, to: set)
    }
    Simulated.expect(
      (report.failure == nil) == (report.result == .done || report.result == .unchanged),
      "the report contradicts itself")
    let expected = ModelFailures.expected(request, report.failure)
    Simulated.note("ends the switch with result", UInt64(report.result.rawValue))
    Simulated.expect(
      report.result == expected.0 || report.result == expected.or,
      "the switch did not end as it must")
    return report.result
  }

  /// Notes which set must be in force now; none after a switch that is stuck.
  private static func note(_ result: SwitchResult, _ request: SwitchRequest) {
    let state = SwitchState(bits: Simulated.load(ModelMemory.state, .relaxed))
    switch result {
    case .done, .unchanged:
      Simulated.store(UInt64(request.to.rawValue) &+ 1, to: ModelMemory.result, .relaxed)
    case .refused, .undone:
      if Simulated.load(ModelMemory.result, .relaxed) == 0 {
        // Refused where none is, or undone to the one that was there last.
        guard state.isSettled(in: state.set) else { return }
        Simulated.store(UInt64(state.set.rawValue) &+ 1, to: ModelMemory.result, .relaxed)
      }
    case .stuck:
      Simulated.store(0, to: ModelMemory.result, .relaxed)
      if ModelSettings.current.mutation == .forgetsWhereItIsStuck {
        Simulated.store(SwitchState(state.set).bits, to: ModelMemory.state, .relaxed)
      }
    }
  }
}
