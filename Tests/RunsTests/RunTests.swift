import Foundation
import Runs
import Synchronization
import Testing

/// What every run is made of.
@Suite(.serialized) struct RunTests {
  private struct Outcome: RunOutcome {
    var signal: CInt?
    var failure: String?
    var holds = true
    func tables(width: Int) -> [RunTable] { [] }
    var sentences: [String] { [] }
    var json: JSONObject { ["signal": signal, "failure": failure, "holds": holds] }
    var page: RunPage { RunPage(title: "", summary: "", end: end("after all")) }

    /// What the shell gets; nil of a failure, which is a sentence.
    var status: CInt? {
      do {
        try exit()
        return 0
      } catch let status as RunStatus {
        return status.code
      } catch {
        return nil
      }
    }
  }

  @Test func statusSaysHowARunEnded() {
    #expect(Outcome().status == 0)
    #expect(Outcome(signal: SIGINT).status == 130)
    // What was seen not to hold counts for more than that nobody looked to the end.
    #expect(Outcome(signal: SIGINT, holds: false).status == 1)
    #expect(Outcome(failure: "No.", holds: false).status == nil)
    #expect(Outcome(failure: "No.").page.facts.contains { $0.value == "No." })
    #expect(Outcome(signal: SIGINT).page.facts.contains { $0.value == "interrupted" })
    #expect(Outcome().page.facts.contains { $0.value == "after all" })
  }

  @Test func jsonLeavesOutWhatIsNil() throws {
    #expect(try jsonText(Outcome().json) == "{\n  \"holds\" : true\n}")
    let nested: JSONObject = ["b/c": [1, 2], "camelCase": ["x": Double.infinity] as JSONObject]
    #expect(
      try jsonText(nested)
        == "{\n  \"b/c\" : [\n    1,\n    2\n  ],\n  \"camel_case\" : {\n    \"x\" : \"inf\"\n  }\n}"
    )
    #expect(try jsonText(nested, isSnakeCase: false).contains("camelCase"))
  }

  @Test func quantilesLieBetweenNeighboursInProportion() throws {
    #expect(Spread([]) == nil)
    let spread = try #require(Spread([40, 10, 30, 20]))
    #expect(spread.count == 4 && spread.minimum == 10 && spread.maximum == 40)
    #expect((spread.lowerQuartile, spread.median, spread.upperQuartile) == (17.5, 25, 32.5))
    #expect(try #require(Spread((1...101).reversed().map(Double.init))).p99 == 100)
    #expect(Spread([7])?.p99 == 7)
  }

  @Test func ratesAreByTheClockOfWhoeverCounts() {
    var rates = RateSampler(interval: 0.5)
    rates.note(0, at: 1)
    // Too soon, then after a second; then of a load that begins anew.
    for (count, seconds) in [(10, 1.25), (100, 2.0), (5, 3), (25, 4)] {
      rates.note(count, at: seconds)
    }
    #expect(rates.samples.map(\.seconds) == [2, 4])
    #expect(rates.samples.map(\.perSecond) == [100, 20])
    var slow = RateSampler()
    slow.note(0, at: 0, clock: 10)
    slow.note(30, at: 9, clock: 13)
    #expect(slow.samples.map(\.perSecond) == [10])
  }

  @Test func waitsUntilAllThreadsHaveEnded() {
    let run = Run(0)
    var looks: [(Int, Bool)] = []
    let signal = run.conduct(
      threads: 5, every: 10, on: RunDisplay(json: true), begin: { #expect(run.record == 0) },
      look: { looks.append((run.record, run.isFinished)) }
    ) { number in run.note { $0 += number } }
    #expect(signal == nil)
    #expect(looks.last.map { $0 == (10, true) } == true)
    #expect(!run.isInterrupted && !run.wait(.nanoseconds(1)))
  }

  @Test func ignoredHangupStaysIgnored() {
    let before = signal(SIGHUP, SIG_IGN)
    do {
      let signals = CaughtSignals(CaughtSignals.endings)
      // To the process: this thread may be one that blocks them.
      kill(getpid(), SIGHUP)
      kill(getpid(), SIGTERM)
      while CaughtSignals.last == nil { sched_yield() }
      #expect(signals.take() == SIGTERM && signals.take() == nil)
    }
    signal(SIGHUP, before)
  }
}
