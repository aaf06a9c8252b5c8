import LockHarness
import LockSites
import TestShims
import Testing
import Tidelock

extension Library {
  /// What the public interface says of itself.
  @Suite struct Interface {
    /// On the main actor, so that a form that blocked would keep from running what ends its wait.
    @Test func switchesWithoutBlocking() async {
      await #expect(processExitsWith: .success) {
        test_deadline(60)
        try LockOperations.switchInPlace(to: .native)
        await switchWhileTheMainActorGoesOn()
      }
    }

    @Test func asynchronousErrorsAreThrown() async {
      await #expect(processExitsWith: .success) {
        test_deadline(60)
        try LockOperations.switchInPlace(to: .native)
        test_detach_image()
        do throws(SwitchError) {
          try await LockOperations.switch(to: .paravirtual, reason: .hint)
          check(false, "switched without a site")
        } catch {
          check(error.failure == .patch(.noSites) && error.report.reason == .hint, "\(error)")
        }
        test_attach_image()
      }
    }

    @Test func measures() async {
      await #expect(processExitsWith: .success) {
        inOwnProcess {
          let clock = ContinuousClock()
          let before = clock.now
          let report = try LockOperations.switch(to: .paravirtual)
          let took = clock.now - before
          check(report.duration > .zero && report.duration <= took, "\(report.duration) of \(took)")
          check(report.longestStall <= took, "\(report.longestStall) of \(took)")
          check(report.steps.count == 3, "\(report.steps)")
          let steps = report.steps.reduce(.zero) { $0 + $1.duration }
          check(steps > .zero && steps <= report.duration, "\(steps) of \(report.duration)")
          check(
            "\(report)".hasPrefix("native to paravirtual by staged: done in "), "\(report)")
          check("\(report.steps[1].kind)", is: "drain native", "a drain")
          check(
            "\(report.steps[2].kind)", is: "poke slow-path gate to paravirtual", "the last poke")
        }
      }
    }

    @Test func enumerationsPrintTheirNames() {
      #expect(LockSet.allCases.map { "\($0)" } == ["native", "paravirtual", "test-and-set"])
      #expect(SwitchProtocol.allCases.map { "\($0)" } == ["staged", "stop-machine", "barrier"])
      #expect("\(PokeMethod.breakpoint), \(StopMode.nmi)" == "breakpoint, nmi")
      #expect("\(Accounting.slowPathOnly), \(Implementation.gate)" == "slow-path, gate")
      #expect("\(SwitchResult.stuck), \(SwitchReason.operator)" == "stuck, operator")
      #expect("\(LockOperation.vcpuIsPreempted), \(Phase.count)" == "vcpu-is-preempted, count")
      #expect("\(PolicyReason.notWorthIt), \(DedicationHint.none)" == "not-worth-it, none")
      #expect("\(SwitchFailure.notDrained(.native))" == "the native slow path was not left in time")
      #expect("\(SwitchFailure.patch(.notWritable(site: 0x12)))".contains("at 0x12 cannot be"))
      #expect("\(SwitchFailure.unchecked(.refused(error: 13)))".hasSuffix("(error 13)"))
    }
  }
}

extension LockOperations {
  /// The form that blocks, from where the other would be chosen.
  fileprivate static func switchInPlace(to set: LockSet) throws { try `switch`(to: set) }
}

@MainActor
private func switchWhileTheMainActorGoesOn() async {
  let words = SharedWords(1)
  let lock = words.address(0)
  tidelock_lock(lock)
  let slowPaths = LockOperations.statistics.slowPaths
  let waiter = Workers(1) { _ in
    tidelock_lock(lock)
    tidelock_unlock(lock)
  }
  while LockOperations.statistics.slowPaths == slowPaths { await Task.yield() }
  let isUnderWay = Flag()
  let switching = Task { @MainActor in
    isUnderWay.raise()
    return try await LockOperations.switch(to: .paravirtual, timeLimit: .seconds(20))
  }
  // The task has begun and suspends: the switch waits for a thread that waits for this actor.
  while !isUnderWay.isRaised { await Task.yield() }
  tidelock_unlock(lock)
  waiter.join()
  do {
    let report = try await switching.value
    check(report.result, is: .done, "the result")
  } catch {
    check(false, "\(error)")
  }
  check(LockOperations.current, is: .paravirtual, "the set in the end")
}
