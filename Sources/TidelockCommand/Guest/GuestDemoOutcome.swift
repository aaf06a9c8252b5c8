import ArgumentParser
import Foundation
import GuestTestBed
import LockPlatform
import LockSwitching
import Runs

/// What a run of the guest's demo came to.
struct GuestDemoOutcome {
  let plan: GuestDemoPlan
  /// The release of the guest's kernel.
  let kernel: String
  let record: GuestDemoRecord
  /// The signal that ended the run early.
  let signal: CInt?

  /// Whether all that must hold did, as far as the run went.
  var holds: Bool {
    record.failure == nil && (plan.program != nil || record.exclusionKept == true)
      && record.textRestored == true
      && (record.soak.map { $0.done == $0.asked } ?? true)
      && !record.troubles.contains { ["panic", "oops", "warning"].contains($0.kind) }
  }

  /// Ends the command with the status that belongs to the outcome.
  func exit() throws {
    if let signal { throw ExitCode(128 + signal) }
    if let failure = record.failure { throw Failure(description: failure) }
    // The sentences have been printed, as they are for a run that holds.
    if !holds { throw ExitCode.failure }
  }

  private struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  // MARK: Figures

  /// Acquisitions per second under a set, over all its phases.
  func perSecond(_ set: LockSet) -> Double? {
    let phases = record.phases.filter { $0.set == set }
    let milliseconds = phases.reduce(0) { $0 + $1.milliseconds }
    guard milliseconds > 0 else { return nil }
    return Double(phases.reduce(0) { $0 + $1.acquisitions }) * 1000 / Double(milliseconds)
  }

  /// What is compared between sets: acquisitions, or runs of the program, per second.
  private func speed(_ set: LockSet) -> Double? {
    guard let programs = record.programs else { return perSecond(set) }
    return programs.spread(set).map { 1 / $0.median }
  }

  private func ratio(_ set: LockSet, to other: LockSet) -> Double? {
    guard let mine = speed(set), let theirs = speed(other), theirs > 0 else { return nil }
    return mine / theirs
  }

  var paravirtualAgainstNative: Double? { ratio(.paravirtual, to: .native) }
  var paravirtualAgainstTestAndSet: Double? { ratio(.paravirtual, to: .testAndSet) }

  /// How alike the vCPUs get on after the switch to the paravirtual set.
  var fairness: Double? { record.phases.last { $0.set == .paravirtual }?.fairness }

  /// What the taint flags stand for.
  var taint: [String] {
    let names = [
      0: "proprietary module", 1: "forced module", 4: "machine check", 7: "oops", 9: "warning",
      10: "staging module", 12: "out-of-tree module", 13: "unsigned module", 14: "soft lockup",
      15: "live patch",
    ]
    let flags = record.taint ?? 0
    return (0..<32).filter { flags >> $0 & 1 == 1 }.map { names[$0] ?? "flag \($0)" }
  }

  // MARK: JSON

  /// One object with everything but the samples.
  func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(Object(self)), as: UTF8.self)
  }

  private struct Object: Encodable {
    struct Phase: Encodable {
      let name, set: String
      let seconds, acquisitionsPerSecond, slowestVcpu, fastestVcpu, slowestAgainstFastest: Double
    }

    struct Run: Encodable {
      let name, set: String
      let seconds: Double
    }

    struct Times: Encodable {
      let name, set: String
      let runs: Int
      let median, shortest, longest: Double
    }

    struct Soak: Encodable {
      let switches, done: Int
      let results: [String: Int]
      let nmis: Int
      let seconds: Double
      let microseconds: Spread?
      let contexts: [String: Int]
      let lastError: String?
    }

    struct Spread: Encodable {
      let median, p99, longest: Double
    }

    struct Figures: Encodable {
      let native, paravirtual, testAndSet: Double?
      let paravirtualAgainstNative, paravirtualAgainstTestAndSet, slowestAgainstFastest: Double?
      let switchesDone, switchesNotDone: Int
    }

    let kernel: String
    let hypervisor: String
    let dedicated: Bool
    let vcpus: Int
    let workload: String
    let command: String?
    let `protocol`: String
    let machine = Machine.current
    let phases: [Phase]
    let runs: [Run]
    let times: [Times]
    let switches: [GuestSwitchReport]
    let soak: Soak?
    let exclusionKept, textRestored: Bool?
    let log: [GuestDemoRecord.Trouble]
    let taint: [String]
    let figures: Figures
    let interrupted: Bool
    let error: String?

    init(_ outcome: GuestDemoOutcome) {
      let record = outcome.record
      kernel = outcome.kernel
      hypervisor = outcome.plan.hypervisor.rawValue
      dedicated = outcome.plan.isDedicated
      vcpus = outcome.plan.vcpus
      workload = outcome.plan.workload.rawValue
      command = outcome.plan.program?.command
      `protocol` = outcome.plan.switchProtocol.name.description
      phases = record.phases.map {
        Phase(
          name: $0.name, set: $0.set.name.description, seconds: Double($0.milliseconds) / 1000,
          acquisitionsPerSecond: $0.perSecond, slowestVcpu: $0.slowest, fastestVcpu: $0.fastest,
          slowestAgainstFastest: $0.fairness)
      }
      runs = (record.programs?.runs ?? []).map {
        let phase = outcome.plan.programPhases[$0.phase]
        return Run(name: phase.name, set: phase.set.name.description, seconds: $0.seconds)
      }
      times = (record.programs?.byPhase ?? []).map {
        Times(
          name: $0.phase.name, set: $0.phase.set.name.description, runs: $0.spread.count,
          median: $0.spread.median, shortest: $0.spread.shortest, longest: $0.spread.longest)
      }
      switches = record.switches.map(\.report)
      soak = record.soak.map {
        Soak(
          switches: $0.asked, done: $0.done, results: $0.results, nmis: $0.nmis,
          seconds: $0.seconds,
          microseconds: $0.spread.map {
            Spread(median: $0.median, p99: $0.p99, longest: $0.longest)
          },
          contexts: $0.load?.contexts.mapValues(\.acquisitions) ?? [:], lastError: $0.lastError)
      }
      exclusionKept = record.exclusionKept
      textRestored = record.textRestored
      log = record.troubles
      taint = outcome.taint
      figures = Figures(
        native: outcome.perSecond(.native), paravirtual: outcome.perSecond(.paravirtual),
        testAndSet: outcome.perSecond(.testAndSet),
        paravirtualAgainstNative: outcome.paravirtualAgainstNative,
        paravirtualAgainstTestAndSet: outcome.paravirtualAgainstTestAndSet,
        slowestAgainstFastest: outcome.fairness,
        switchesDone: record.switches.count + (record.soak?.done ?? 0),
        switchesNotDone: record.soak.map { $0.made - $0.done } ?? 0)
      interrupted = outcome.signal != nil
      error = record.failure
    }
  }
}

extension GuestDemoRecord.Soak {
  /// How long the rest will take if it goes on like this, in seconds.
  var left: Double { made > 0 ? seconds / Double(made) * Double(asked - made) : 0 }

  /// What the switches that were done took, in microseconds.
  var spread: (median: Double, p99: Double, longest: Double)? {
    guard !took.isEmpty else { return nil }
    let sorted = took.sorted()
    func quantile(_ share: Double) -> Double {
      sorted[max(0, Int((share * Double(sorted.count)).rounded(.up)) - 1)]
    }
    return (quantile(0.5), quantile(0.99), quantile(1))
  }

  /// What it came to.
  var sentence: String {
    var text =
      "Soak: \(Quantity.exact(done)) of \(Quantity.exact(asked, "switch", "switches")) done"
    for (result, count) in results.sorted(by: { $0.key < $1.key }) where result != "done" {
      text += ", \(Quantity.exact(count)) \(result)"
    }
    text += ", \(Quantity.exact(nmis, "NMI")) injected"
    if let spread {
      text +=
        "; a switch took \(Quantity.duration(microseconds: spread.median)) in the median and"
        + " \(Quantity.duration(microseconds: spread.longest)) at most"
    }
    return text + "."
  }
}
