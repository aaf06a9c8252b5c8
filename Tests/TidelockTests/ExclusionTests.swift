import LockHarness
import Testing
import Tidelock

extension Library {
  /// One thread at a time, whatever is in force and whatever changes.
  @Suite struct Exclusion {
    @Test(arguments: [2, 16, 40])
    func inEachSet(threads: Int) async {
      await #expect(processExitsWith: .success) { [threads] in
        inOwnProcess {
          for set: LockSet in [.native, .paravirtual, .testAndSet] {
            try LockOperations.switch(to: set)
            let isSlow = set == .native && threads > 2
            let harness = LockHarness(
              threads: threads,
              acquisitions: isSlow ? Sizes.slowAcquisitions : Sizes.acquisitions)
            check(harness.run(BareSpinlock()), after: "\(set), \(threads) threads")
          }
        }
      }
    }

    @Test(arguments: [2, 16, 40])
    func acrossSwitches(threads: Int) async {
      await #expect(processExitsWith: .success) { [threads] in
        inOwnProcess {
          for method: PokeMethod in [.store, .breakpoint] {
            let harness = LockHarness(threads: threads, acquisitions: 0)
            let outcome = try harness.run(BareSpinlock()) { _ throws(any Error) in
              for _ in 0..<Sizes.rounds { try switchInAllDirections(poking: method) }
            }
            check(outcome, after: "\(method), \(threads) threads")
          }
        }
      }
    }

    /// The harness itself: locks that are broken now and then do not pass.
    @Test(arguments: [2, 16])
    func brokenLocksAreCaught(threads: Int) async {
      await #expect(processExitsWith: .success) { [threads] in
        inOwnProcess {
          try LockOperations.switch(to: .testAndSet)
          let harness = LockHarness(threads: threads, acquisitions: Sizes.acquisitions)
          check(isCaught(by: harness, IgnoresItsTry.self), "a lock that ignores its try passed")
          check(isCaught(by: harness, ReleasesEarly.self), "a lock released early passed")
        }
      }
    }
  }
}

private func check(_ outcome: LockHarness.Outcome, after what: String) {
  check(
    outcome.isExclusive,
    "\(what): \(outcome.violations) violations, \(outcome.lost) of \(outcome.acquisitions) lost")
}

/// Chance decides when two threads are inside together, so there is more than one try.
private func isCaught<Lock: LockUnderTest>(by harness: LockHarness, _: Lock.Type) -> Bool {
  (0..<20).contains { _ in !harness.run(Lock()).isExclusive }
}
