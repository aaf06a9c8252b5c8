import LockHarness
import Testing
import Tidelock

extension Platform {
  /// A lock that never is free while switches go on.
  @Suite struct Saturation {
    /// Who waits at the gate when it opens goes on into the new slow path.
    ///
    /// One that stayed would never see the lock free again.
    @Test func nobodyStaysAtTheGate() async {
      await #expect(processExitsWith: .success) {
        inOwnProcess {
          let harness = LockHarness(threads: 8, acquisitions: 0, isSaturating: true)
          let before = LockOperations.statistics.gateWaits
          let outcome = try harness.run(BareSpinlock()) { progress throws(any Error) in
            for number in 0..<Sizes.saturatedSwitches {
              let set: LockSet = number.isMultiple(of: 2) ? .paravirtual : .native
              try LockOperations.switch(to: set, timeLimit: .seconds(60))
              let turns = progress.turns(atMost: Sizes.starvedAfter)
              check(!turns.contains(0), "starved after the switch to \(set): \(turns)")
            }
          }
          check(outcome.isExclusive, "not exclusive")
          let waits = LockOperations.statistics.gateWaits - before
          check(waits > Sizes.saturatedSwitches, "only \(waits) waits at the gate: proves nothing")
        }
      }
    }

    /// After a switch the slowest thread keeps up with the fastest.
    @Test func turnsAreShared() async {
      await #expect(processExitsWith: .success) {
        inOwnProcess {
          let harness = LockHarness(threads: 8, acquisitions: 0, isSaturating: true)
          _ = try harness.run(BareSpinlock()) { progress throws(any Error) in
            try LockOperations.switch(to: .paravirtual, timeLimit: .seconds(60))
            let turns = progress.turns(in: Sizes.fairAcquisitions)
            let (slowest, fastest) = (turns.min() ?? 0, turns.max() ?? 0)
            // On a quiet machine 0.8 and more; far less would be a queue that is passed for ever.
            check(slowest * 5 >= fastest, "slowest \(slowest), fastest \(fastest) acquisitions")
          }
        }
      }
    }
  }
}
