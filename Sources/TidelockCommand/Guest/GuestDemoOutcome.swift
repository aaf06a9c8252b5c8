import GuestTestBed
import LockPlatform
import LockSwitching
import Runs

/// The outcome of the guest's demo.
struct GuestDemoOutcome: RunOutcome {
  let plan: GuestDemoPlan
  /// The release of the guest's kernel.
  let kernel: String
  let record: GuestDemoRecord
  /// The signal that ended the run early.
  let signal: CInt?

  /// An interrupted run has no useful failure of its own.
  var failure: String? { signal == nil ? record.failure : nil }

  /// Whether all that must hold did, as far as the run went.
  var holds: Bool {
    let isCut = signal != nil
    return failure == nil && (plan.program != nil || record.exclusionKept ?? isCut)
      && record.textRestored ?? isCut
      && (isCut || record.soak.map { $0.done == $0.asked } ?? true)
      && !record.troubles.contains { ["panic", "oops", "warning"].contains($0.kind) }
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

  func ratio(_ set: LockSet, to other: LockSet) -> Double? {
    guard let mine = speed(set), let theirs = speed(other), theirs > 0 else { return nil }
    return mine / theirs
  }

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

  /// Everything but the samples.
  var json: JSONObject {
    [
      "kernel": kernel, "hypervisor": plan.hypervisor.rawValue, "dedicated": plan.isDedicated,
      "vcpus": plan.vcpus, "workload": plan.workload.rawValue, "command": plan.program?.command,
      "protocol": plan.switchProtocol.name.description, "machine": Machine.current,
      "phases": record.phases.map { phase -> JSONObject in
        [
          "name": phase.name, "set": phase.set.name.description,
          "seconds": Double(phase.milliseconds) / 1000, "acquisitions_per_second": phase.perSecond,
          "slowest_vcpu": phase.slowest, "fastest_vcpu": phase.fastest,
          "slowest_against_fastest": phase.fairness,
        ]
      },
      "runs": (record.programs?.runs ?? []).map { run -> JSONObject in
        let phase = plan.programPhases[run.phase]
        return [
          "name": phase.name, "set": phase.set.name.description, "seconds": run.seconds,
        ]
      },
      "times": (record.programs?.byPhase ?? []).map { phase, spread -> JSONObject in
        [
          "name": phase.name, "set": phase.set.name.description, "runs": spread.count,
          "median": spread.median, "shortest": spread.minimum, "longest": spread.maximum,
        ]
      },
      "switches": record.switches.map(\.report), "soak": record.soak?.json,
      "exclusion_kept": record.exclusionKept, "text_restored": record.textRestored,
      "log": record.troubles, "taint": taint, "figures": figures,
      "interrupted": signal != nil, "error": record.failure,
    ]
  }

  private var figures: JSONObject {
    [
      "native": perSecond(.native), "paravirtual": perSecond(.paravirtual),
      "test_and_set": perSecond(.testAndSet),
      "paravirtual_against_native": ratio(.paravirtual, to: .native),
      "paravirtual_against_test_and_set": ratio(.paravirtual, to: .testAndSet),
      // How evenly the vCPUs progress after the switch to the paravirtual set.
      "slowest_against_fastest": record.phases.last { $0.set == .paravirtual }?.fairness,
      "switches_done": record.switches.count + (record.soak?.done ?? 0),
      "switches_not_done": record.soak.map { $0.made - $0.done } ?? 0,
    ]
  }
}

extension GuestDemoRecord.Soak {
  /// How long the rest will take at this pace, in seconds.
  var left: Double { made > 0 ? seconds / Double(made) * Double(asked - made) : 0 }

  /// How long the switches that were done took, in microseconds.
  private var spread: Spread? { Spread(took) }

  fileprivate var json: JSONObject {
    [
      "switches": asked, "done": done, "results": results, "nmis": nmis, "seconds": seconds,
      "microseconds": spread?.json, "contexts": load?.contexts.mapValues(\.acquisitions) ?? [:],
      "last_error": lastError,
    ]
  }

  /// Its result.
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
        + " \(Quantity.duration(microseconds: spread.maximum)) at most"
    }
    return text + "."
  }
}
