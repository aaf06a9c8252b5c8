import CPUIdentification
import Foundation
import ProgramPlatform
import ProgramSamples
import Runs
import Synchronization
import Tidelock

/// One run of the estimate: a conductor that measures slice by slice, and a watcher that shows how far it is.
final class EstimateRun: Sendable {
  struct Record: Sendable {
    var slices: [EstimateSlice] = []
    /// What is being measured.
    var current = (level: 0, set: LockSet.native)
    var failure: String?
    var isVerified = true
    var isEnding = false
    /// Time that the host of this machine took from it meanwhile, in nanoseconds.
    var stolen: Int64 = 0
  }

  /// A kernel that does not count what the estimate is made of.
  private struct NoRunDelay: Error, CustomStringConvertible {
    let description =
      "The kernel shows no run delay of threads (/proc/self/task/*/schedstat); run the estimate where"
      + " /proc is mounted and CONFIG_SCHED_INFO is set."
  }

  private let plan: EstimatePlan
  private let command: String
  private let run = Run(Record())
  private let crew: WorkerCrew<ProbedLoad.Findings>
  private let load: ProbedLoad

  init(_ plan: EstimatePlan, command: String) {
    self.plan = plan
    self.command = command
    let load = ProbedLoad(locks: plan.locks, roundsOutside: plan.work)
    self.load = load
    let workers = Atomic<Int>(0)
    let cpus = plan.cpus
    let number = Box(workers)
    crew = WorkerCrew { progress in
      let mine = number.value.add(1, ordering: .relaxed).oldValue
      // As vCPUs are: whoever loses its CPU finds no other.
      if !cpus.isEmpty { _ = cpu_pin(CInt(cpus[mine % cpus.count])) }
      return load.work(progress)
    }
  }

  private final class Box: Sendable {
    let value: Atomic<Int>
    init(_ value: consuming Atomic<Int>) { self.value = value }
  }

  /// Runs it all, showing how it goes, and returns what was measured.
  func execute(_ display: RunDisplay) -> EstimateOutcome {
    let begin = Date.now
    var rates = RateSampler(interval: 0.25)
    var shown = 0
    let signal = run.conduct(
      every: 0.2, on: display,
      begin: {
        display.show(
          "\(Quantity.exact(plan.rounds, "round")) of"
            + " \(Quantity.exact(plan.slices / plan.rounds, "slice"))"
            + ", \(Quantity.duration(microseconds: plan.slice * 1e6)) each;"
            + " \(Quantity.exact(plan.threads, "thread")) on \(Quantity.exact(plan.cpus.count, "CPU"))"
        )
        display.showOthers("what they take is counted, and blurs the lowest levels")
      },
      look: {
        let record = run.record
        guard !record.isEnding else { return }
        rates.note(crew.operations, at: run.elapsed)
        let done = record.slices.count
        let taken =
          "\(Quantity.percent(Double(record.current.level) / 1000, decimals: 0)) taken away"
        let share = Double(done) / Double(plan.slices)
        display.draw(
          ProgressLines(
            condition: record.current.set.description, tone: record.current.set.tone,
            details: [taken],
            position: "\(min(done + 1, plan.slices)) of \(plan.slices)", unit: "locks",
            samples: rates.samples, elapsed: run.elapsed,
            total: (plan.slice + plan.settling) * Double(plan.slices)))
        if done > shown {
          shown = done
          display.show(
            "\(Quantity.percent(share, decimals: 0)): \(record.current.set), \(taken)",
            every: .seconds(5))
        }
      }
    ) { _ in self.conduct() }
    return EstimateOutcome(
      plan: plan, record: run.record, seconds: run.elapsed, date: begin, command: command,
      signal: signal)
  }

  // MARK: The conductor's thread

  private func conduct() {
    let home = LockOperations.current
    do {
      let competitor = try Competitor()
      defer { competitor.end() }
      try crew.resize(to: plan.threads)
      try measure(against: competitor)
    } catch {
      run.note { $0.failure = "\(error)" }
    }
    run.note { $0.isEnding = true }
    let findings = crew.dismiss()
    let isComplete = load.isComplete(findings)
    run.note { $0.isVerified = isComplete }
    do {
      try LockOperations.switch(to: home, timeLimit: .seconds(60))
    } catch {
      run.note { $0.failure = $0.failure ?? "\(error)" }
    }
  }

  private func measure(against competitor: Competitor) throws {
    // This thread, which only sleeps and looks, is no part of the program that is measured.
    guard
      var samples = ProgramSamples(
        of: .this(leavingOut: HelperThread.number), at: HelperThread.now)
    else { throw NoRunDelay() }
    for round in 0..<plan.rounds {
      for (level, set) in EstimatePlan.order(round: round) {
        if run.isInterrupted { return }
        run.note { $0.current = (level, set) }
        try competitor.become(.init(taking: level))
        try LockOperations.switch(to: set, timeLimit: .seconds(60))
        if run.wait(.seconds(plan.settling)) { return }
        _ = samples.look(at: HelperThread.now)
        let (before, began) = (crew.operations, HelperThread.now)
        if run.wait(.seconds(plan.slice)) { return }
        let (after, ended) = (crew.operations, HelperThread.now)
        guard let seen = samples.look(at: ended), let delayed = seen.signals["run_delay_us"],
          let ran = seen.signals["ran_us"]
        else { throw NoRunDelay() }
        run.note { record in
          record.stolen += (seen.signals["machine_steal_us"] ?? 0) * 1000
          record.slices.append(
            EstimateSlice(
              round: round, level: level, set: set,
              perSecond: Double(after - before) / (Double(ended - began) / 1e9),
              steal: Double(max(delayed, 0)) / Double(max(delayed + ran, 1))))
        }
      }
    }
  }
}
