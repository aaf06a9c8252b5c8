import GuestTestBed
import LockPlatform
import LockSwitching
import Runs

extension GuestDemoOutcome {
  func tables(width: Int) -> [RunTable] {
    [phaseTable] + (record.programs.map { [$0.table] } ?? []) + [switchTable, soakTable, logTable]
  }

  private var phaseTable: RunTable {
    let native = perSecond(.native) ?? 0
    return RunTable(
      "Acquisitions by lock set",
      columns: [
        .words("lock set"), .words("phase"), .numbers("acquisitions/s"), .numbers("times native"),
        .numbers("slowest vCPU"), .numbers("fastest vCPU"),
      ],
      rows: record.phases.map {
        [
          $0.set.name.description, $0.name, Quantity.count($0.perSecond),
          native > 0 ? Quantity.ratio($0.perSecond / native) : "-", Quantity.count($0.slowest),
          Quantity.count($0.fastest),
        ]
      })
  }

  private var switchTable: RunTable {
    RunTable(
      "What each switch cost",
      columns: [
        .words("switch"), .words("protocol"), .words("result"), .numbers("took"),
        .numbers("draining"),
        .numbers("longest stall"), .numbers("sites"), .numbers("breakpoints"),
      ],
      rows: record.switches.map { entry in
        let report = entry.report
        return [
          "\(report.from) to \(report.to)", report.protocol, report.result,
          Quantity.duration(microseconds: report.microseconds),
          Quantity.duration(microseconds: report.drainMicroseconds),
          Quantity.duration(microseconds: report.longestStall), String(report.sites),
          String(report.breakpoints),
        ]
      })
  }

  private var soakTable: RunTable {
    let soak = record.soak
    let contexts = ["task", "softirq", "hardirq", "nmi"].compactMap { name in
      soak?.load?.contexts[name].map {
        [
          name, Quantity.exact($0.acquisitions),
          Quantity.duration(microseconds: Double($0.longestWait)),
        ]
      }
    }
    return RunTable(
      "Locks taken during the soak",
      columns: [.words("context"), .numbers("acquisitions"), .numbers("longest wait")],
      rows: contexts)
  }

  private var logTable: RunTable {
    RunTable(
      "Trouble in the kernel's log",
      columns: [.words("kind"), .words("during"), .words("line")],
      rows: record.troubles.map { [$0.kind, $0.during, $0.line] })
  }

  /// The findings in words.
  var sentences: [String] {
    [finding, record.soak?.sentence, verdict, logSentence].compactMap { $0 }
  }

  /// What the switch did for the guest, where both sets were measured.
  private var finding: String? {
    let host = plan.host(cpus: Machine.current.cpus)
    if let programs = record.programs {
      return programs.finding(
        vcpus: plan.vcpus, on: "the \(host.name)'s \(Quantity.exact(host.cpus, "CPU"))")
    }
    guard let native = perSecond(.native), let paravirtual = perSecond(.paravirtual),
      let ratio = ratio(.paravirtual, to: .native)
    else { return nil }
    return
      "\(plan.vcpus) vCPUs on the \(host.name)'s \(Quantity.exact(host.cpus, "CPU")) take \(Quantity.count(native)) locks/s with native"
      + " operations and \(Quantity.count(paravirtual)) with paravirtual ones,"
      + " \(Quantity.count(ratio)) times as many."
  }

  private var verdict: String {
    // A program does not check whether its locks exclude.
    let exclusion =
      switch record.exclusionKept {
      case _ where record.programs != nil:
        "\(plan.workload.rawValue) ended in order"
          + " \(Quantity.exact(record.programs?.runs.count ?? 0, "time"))."
      case true?: "Exclusion was kept: no section met another, and all counts add up."
      case false?: "Exclusion was NOT kept: sections met, or counts do not add up."
      case nil: "Exclusion was not checked to the end."
      }
    let text =
      switch record.textRestored {
      case true?: "The module is gone, and the kernel's text is byte for byte as before loading."
      case false?:
        "The module is gone, but the kernel's text is NOT as before: \(record.removal ?? "")."
      case nil: "The run ended before the module was removed."
      }
    return exclusion + " " + text
  }

  private var logSentence: String {
    let native = record.troubles.count { $0.isNative }
    let rest = record.troubles.count - native
    let said =
      switch (native, rest) {
      case (0, 0): "no lockup, no stall, no warning"
      case (_, 0):
        "\(Quantity.exact(native, "complaint")), all under native operations, none after a switch"
          + " away from them"
      default:
        "\(Quantity.exact(native, "complaint")) under native operations and \(Quantity.exact(rest)) else"
      }
    let flags = taint.isEmpty ? "" : "; tainted by: \(taint.joined(separator: ", "))"
    return "The kernel's log: \(said)\(flags)."
  }

  /// The run as a page.
  var page: RunPage {
    RunPage(
      title: "Tidelock: the spinlocks of a running Linux guest, switched",
      summary: """
        A stock kernel that booted with \(plan.booted.name) spinlocks runs with more vCPUs than its \
        host has CPUs. \(plan.workload.sentence) \(finding ?? "")
        """,
      verdict: .init([verdict, logSentence].joined(separator: " "), holds: holds),
      plots: plan.program == nil ? plots : [], spreads: record.programs?.plots ?? [],
      tables: tables(width: .max),
      facts: [
        .init(
          "guest",
          "Linux \(kernel), \(Quantity.exact(plan.vcpus, "vCPU")), \(plan.hypervisor.sentence)"),
        .init(
          "load",
          plan.program?.command
            ?? "a thread on each vCPU, one lock, 2000 loops inside and 2000 outside"),
        .init("protocol", plan.switchProtocol.name.description),
        .init("soak", record.soak?.sentence ?? "none; --switches N makes one of the torture"),
      ], end: end("after all phases"))
  }

  private var plots: [ThroughputPlot] {
    let run = ThroughputPlot(
      title: "Acquisitions over time", unit: "acquisitions per second",
      seconds: record.samples.last?.seconds ?? plan.seconds, samples: record.samples,
      bands: record.phases.map {
        .init(
          from: $0.start, to: $0.end, tone: $0.set.tone, label: $0.set.name.description,
          detail: $0.name)
      },
      marks: record.switches.map { entry in
        let took = Quantity.duration(microseconds: entry.report.microseconds)
        return .init(seconds: entry.at, label: "switch to \(entry.report.to), \(took)")
      })
    guard let soak = record.soak, !soak.samples.isEmpty else { return [run] }
    return [
      run,
      ThroughputPlot(
        title: "Acquisitions during the soak", unit: "acquisitions per second",
        seconds: soak.seconds,
        samples: soak.samples.map {
          .init(seconds: $0.seconds - soak.start, perSecond: $0.perSecond)
        }),
    ]
  }
}

extension GuestDemoPlan.Hypervisor {
  fileprivate var sentence: String {
    switch self {
    case .emulation: "QEMU in software emulation"
    case .kvm:
      "stock KVM of a stock host with \(KVMHost.defaultCPUs) CPUs, which QEMU emulates in software"
    }
  }
}
