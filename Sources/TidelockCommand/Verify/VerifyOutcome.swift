import ArgumentParser
import Foundation
import ModelChecker
import ProtocolModels
import Runs

/// What a run of `tidelock verify` came to.
struct VerifyOutcome {
  /// How many checks were to be run.
  let wanted: Int
  let search: Search
  let jobs: Int
  let results: [CheckResult]
  let seconds: Double
  let failure: OutputError?
  /// The signal that ended the run early.
  let signal: CInt?

  var unexpected: [CheckResult] { results.filter { !$0.isAsExpected } }
  var states: Int { results.reduce(0) { $0 + $1.exploration.states } }
  var steps: Int { results.reduce(0) { $0 + $1.exploration.steps } }
  var isAsExpected: Bool { unexpected.isEmpty && results.count == wanted }
  /// Proved, and not only tried.
  var isVerified: Bool { isAsExpected && search == .exhaustive }

  /// By the time that explorations had a CPU, so that other programs do not count.
  var stepsPerSecondAndCore: Double {
    Double(steps) / max(results.reduce(0) { $0 + $1.cpuSeconds }, 1e-9)
  }

  /// Ends the command with the status that belongs to the outcome.
  func exit() throws {
    if let failure { throw failure }
    // The verdict has been printed, as it is for a run that is as expected.
    if !unexpected.isEmpty { throw ExitCode.failure }
    if let signal { throw ExitCode(128 + signal) }
  }

  func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(Object(self)), as: UTF8.self)
  }

  fileprivate struct Object: Encodable {
    struct Result: Encodable {
      let name, group, bounds: String
      let cpus: Int
      let memoryModel: MemoryModel
      let expected: Check.Expectation
      let verdict: String
      let flaw: Flaw?
      let isAsExpected, isComplete: Bool
      let states, steps, depth: Int
      let seconds, cpuSeconds: Double
      let schedule: String?
    }

    let machine = Machine.current
    let checks: [Result]
    let states, steps, jobs: Int
    let seconds, stepsPerSecondAndCore: Double
    let unexpected: Int
    let notChecked: Int
    let verified: Bool
    let interrupted: Bool
    let error: String?

    init(_ outcome: VerifyOutcome) {
      checks = outcome.results.map(Result.init)
      states = outcome.states
      steps = outcome.steps
      jobs = outcome.jobs
      seconds = outcome.seconds
      stepsPerSecondAndCore = outcome.stepsPerSecondAndCore
      unexpected = outcome.unexpected.count
      notChecked = outcome.wanted - outcome.results.count
      verified = outcome.isVerified
      interrupted = outcome.signal != nil
      error = outcome.failure?.description
    }
  }
}

extension VerifyOutcome.Object.Result {
  fileprivate init(_ result: CheckResult) {
    let (check, exploration) = (result.check, result.exploration)
    name = check.id
    group = check.group.rawValue
    bounds = check.bounds
    cpus = check.model.lockers
    memoryModel = check.model.program.memoryModel
    expected = check.expectation
    isAsExpected = result.isAsExpected
    switch exploration.verdict {
    case .holds: (verdict, flaw, isComplete) = ("holds", nil, true)
    case .fails(let failure): (verdict, flaw, isComplete) = ("fails", failure.flaw, false)
    case .cut: (verdict, flaw, isComplete) = ("cut", nil, false)
    }
    states = exploration.states
    steps = exploration.steps
    depth = exploration.depth
    seconds = exploration.seconds
    cpuSeconds = result.cpuSeconds
    schedule = result.schedule
  }
}
