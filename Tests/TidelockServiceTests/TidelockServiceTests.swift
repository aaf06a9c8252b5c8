import LockHarness
import LockPlatform
import LockSwitching
import Logging
import Metrics
import MetricsTestKit
import ServiceLifecycle
import SwitchPolicy
import Testing
import Tidelock
import TidelockService

@Suite struct TidelockServiceTests {
  private func observation(_ metrics: TestMetrics) -> SwitchObservation {
    SwitchObservation(metrics: metrics, logger: Logger(label: "test"))
  }

  private func report(_ reason: SwitchReason, failure: SwitchFailure? = nil) -> SwitchReport {
    let request = SwitchRequest(to: .paravirtual, poking: .store, timeLimit: 1, reason: reason)
    var report =
      failure.map { SwitchReport(request, from: .native, refusedFor: $0) }
      ?? SwitchReport(request, from: .native)
    report.nanoseconds = 5000
    report.stallNanoseconds = 700
    return report
  }

  /// Every switch once, by who asked and how it ended; those that are not kept any more are lost.
  @Test func countsSwitches() throws {
    let metrics = TestMetrics()
    var seen = observation(metrics)
    var history = SwitchHistory()
    history.add(report(.policy))
    history.add(report(.operator, failure: .underWay))
    seen.count(history)
    seen.count(history)
    history.add(report(.policy))
    seen.count(history)
    func count(_ reason: String, _ result: String) -> Int64 {
      metrics.counterTotal(
        label: "tidelock_switches_total", dimensions: [("reason", reason), ("result", result)])
    }
    #expect(count("policy", "unchanged") == 2 && count("operator", "refused") == 1)
    let durations = metrics.timers(label: "tidelock_switch_duration").flatMap(\.values)
    let stalls = metrics.timers(label: "tidelock_switch_longest_stall").flatMap(\.values)
    #expect(durations == [5000, 5000, 5000] && stalls == [700, 700, 700])
    for _ in 0..<100 { history.add(report(.hint)) }
    seen.count(history)
    #expect(count("hint", "unchanged") == Int64(SwitchHistory.capacity))
  }

  /// Every decision once, those too that are added to an entry which was seen before.
  @Test func countsDecisions() throws {
    let metrics = TestMetrics()
    var seen = observation(metrics)
    let memory = UnsafeMutableRawPointer.allocate(
      byteCount: DecisionLog.byteCount, alignment: 16)
    defer { unsafe memory.deallocate() }
    // The memory is this log's.
    var log = unsafe DecisionLog(in: memory)
    var policy = Policy(in: .native, .program)
    var time: UInt64 = 1_000_000_000
    func decide(_ waited: Int64) {
      time += 25_000_000
      log.add(
        policy.decide(
          PolicySample(
            time: time, elapsed: 25_000_000, cpus: 2, waited: waited, ran: 25_000_000)))
    }
    var expected: Int64 = 0
    for round in 0..<4 {
      for _ in 0...round {
        decide(0)
        expected += 1
      }
      seen.count((0..<log.count).compactMap { log[$0] })
      #expect(metrics.counterTotal(label: "tidelock_decisions_total") == expected)
    }
    decide(25_000_000)
    seen.count((0..<log.count).compactMap { log[$0] })
    #expect(metrics.counterTotal(label: "tidelock_decisions_total") == expected + 1)
    #expect(metrics.meters(label: "tidelock_steal_ratio").last?.lastValue == 0.5)
  }

  /// In a group, until its graceful shutdown.
  @Test func runsInAGroup() async {
    await #expect(processExitsWith: .success) {
      let metrics = TestMetrics()
      let service = TidelockService(period: .milliseconds(1), metrics: metrics)
      let group = ServiceGroup(
        configuration: .init(services: [.init(service: service)], logger: Logger(label: "test")))
      let running = Task { try await group.run() }
      while !LockPolicy.isRunning { await Task.yield() }
      let wanted: LockSet = LockOperations.current == .native ? .paravirtual : .native
      while (try? await LockOperations.switch(to: wanted)) == nil { await Task.yield() }
      while metrics.counterTotal(
        label: "tidelock_switches_total",
        dimensions: [("reason", "operator"), ("result", "done")]) == 0
      { await Task.yield() }
      await group.triggerGracefulShutdown()
      try await running.value
      #expect(!LockPolicy.isRunning)
      let meters = metrics.meters(
        label: "tidelock_set", dimensions: [("set", wanted.description)])
      #expect(meters.last?.lastValue == 1)
    }
  }
}
