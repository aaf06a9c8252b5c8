import Foundation
import LockSwitching
import Runs
import Tidelock

/// What an estimate came to: as text, as JSON, as a page.
struct EstimateOutcome: RunOutcome {
  let plan: EstimatePlan
  let record: EstimateRun.Record
  let seconds: Double
  let date: Date
  let command: String
  let signal: CInt?
  let losses: MeasuredLosses?

  init(
    plan: EstimatePlan, record: EstimateRun.Record, seconds: Double, date: Date, command: String,
    signal: CInt?
  ) {
    self.plan = plan
    self.record = record
    self.seconds = seconds
    self.date = date
    self.command = command
    self.signal = signal
    losses = MeasuredLosses(record.slices)
  }

  var failure: String? { record.failure }
  var holds: Bool { record.isVerified }

  /// The table as source, for Sources/SwitchPolicy/EstimateTables.swift.
  var source: String? {
    losses?.source(
      date: date.formatted(.iso8601.year().month().day()),
      machine: "\(Quantity.exact(plan.cpus.count, "CPU")) (\(Machine.current.cpuModel))",
      command: command)
  }

  // MARK: Text

  func tables(width: Int) -> [RunTable] {
    guard let losses else { return [] }
    return EstimatePlan.sets.map { set in
      RunTable(
        "\(set): work lost, of an undisturbed program's on as many CPUs as are left",
        columns: [
          .numbers("to be taken"), .numbers("taken"), .numbers("lost"), .numbers("lower quartile"),
          .numbers("upper quartile"),
        ],
        rows: losses.points[set].map { point in
          [
            Quantity.percent(Double(point.level) / 1000, decimals: 0),
            Quantity.percent(point.steal.median), Quantity.percent(point.lost.median),
            Quantity.percent(point.lost.lowerQuartile), Quantity.percent(point.lost.upperQuartile),
          ]
        })
    }
  }

  var sentences: [String] { [others, disturbance, verdict, table].compactMap { $0 } }

  /// Whether whoever else runs on this machine leaves the lowest levels unmeasured.
  private var others: String? {
    let undisturbed = EstimatePlan.sets.compactMap { losses?.points[$0].first?.steal.median }
    guard let most = undisturbed.max(), most > 0.01 else { return nil }
    return
      "Other programs took \(Quantity.percent(most)) where nothing was to be taken, so that the table says"
      + " nothing below that; run it on an idle machine."
  }

  private var table: String? {
    losses == nil
      ? "No round was measured as a whole, so there is no table; let it run to the end of one."
      : "The table, for Sources/SwitchPolicy/EstimateTables.swift:"
  }

  private var disturbance: String? {
    guard record.stolen > 0 else { return nil }
    let share = Double(record.stolen) / 1e9 / (seconds * Double(max(plan.cpus.count, 1)))
    return
      "This machine's host took \(Quantity.percent(share)) of its CPUs' time meanwhile, which no level"
      + " counts."
  }

  private var verdict: String {
    holds
      ? "Verified: every lock's generator stands where the sections that each thread counted for itself"
        + " lead it; nothing was lost."
      : "Not verified: a lock's generator does not stand where the sections that each thread counted for"
        + " itself lead it; updates were lost."
  }

  // MARK: A page

  var page: RunPage {
    RunPage(
      title: "Tidelock: what each set loses when CPUs are taken away",
      summary: """
        Threads on CPUs of their own take locks, while another program takes so much of these CPUs. What is \
        lost is measured against the same program, undisturbed, on as many CPUs as are left; what was taken \
        is what the kernel counts as run delay.
        """,
      verdict: .init(verdict, holds: holds && failure == nil),
      tables: tables(width: .max),
      facts: [
        .init("threads", "\(plan.threads), and \(Quantity.exact(plan.locks, "lock"))"),
        .init("command", command),
      ], end: end("after all rounds"))
  }

  // MARK: JSON

  var json: JSONObject {
    [
      "machine": Machine.current, "command": command, "date": date.formatted(.iso8601),
      "threads": plan.threads, "cpus": plan.cpus, "locks": plan.locks,
      "slice_seconds": plan.slice, "rounds": losses?.rounds ?? 0,
      "levels_per_mille": EstimatePlan.levels,
      "points": losses.map { losses in bySet { losses.points[$0].map(\.json) } },
      "table_per_mille": losses.map { losses in bySet { losses.row($0) } },
      "source": source, "machine_steal_seconds": Double(record.stolen) / 1e9,
      "verified": holds, "interrupted": signal != nil, "error": failure,
    ]
  }

  private func bySet<Value>(_ value: (LockSet) -> Value) -> [String: Value] {
    Dictionary(
      uniqueKeysWithValues: EstimatePlan.sets.map { ($0.name.description, value($0)) })
  }
}

extension MeasuredLosses.Point {
  fileprivate var json: JSONObject {
    func all(_ spread: Spread) -> JSONObject {
      [
        "median": spread.median, "lower_quartile": spread.lowerQuartile,
        "upper_quartile": spread.upperQuartile,
      ]
    }
    return ["level_per_mille": level, "steal": all(steal), "lost": all(lost)]
  }
}
