import Glibc
import LockHarness
import TestShims
import Testing
import Tidelock
import UserSpaceShims

extension Platform {
  /// SIGTRAP belongs to others as well.
  @Suite struct Breakpoints {
    @Test(arguments: [true, false])
    func othersAreHandedToTheHandlerBefore(withInfo: Bool) async {
      await #expect(processExitsWith: .success) { [withInfo] in
        inOwnProcess {
          test_trap_install(withInfo)
          try LockOperations.switch(to: .paravirtual, poking: .breakpoint)
          test_trap_execute()
          check(test_trap_count(), is: 1, "breakpoints that reached the handler before")
          check(test_trap_was_ours(), "the handler before was told something else")
          try LockOperations.switch(to: .native, poking: .breakpoint)
          check(test_trap_count(), is: 1, "breakpoints after another switch")
        }
      }
    }

    @Test func withoutAHandlerBeforeABreakpointEndsTheProcess() async {
      await #expect(processExitsWith: .signal(SIGTRAP)) {
        inOwnProcess {
          try LockOperations.switch(to: .paravirtual, poking: .breakpoint)
          test_trap_execute()
        }
      }
    }

    @Test func aThreadThatBlocksThemIsNamed() async {
      await #expect(processExitsWith: .success) {
        inOwnProcess {
          let stop = Flag()
          let blocks = Flag()
          let words = SharedWords(1)
          let blocker = Workers(1) { _ in
            test_trap_block(true)
            words[0] = UInt64(tidelock_tid())
            blocks.raise()
            wait { stop.isRaised }
          }
          wait { blocks.isRaised }
          do throws(SwitchError) {
            try LockOperations.switch(to: .paravirtual, poking: .breakpoint)
            check(false, "a thread that blocks SIGTRAP was not noticed")
          } catch {
            check(
              error.failure, is: .breakpointsBlocked(thread: Int32(words[0])), "the failure")
            check(error.report.result, is: .refused, "the result")
          }
          check(LockOperations.current, is: .native, "the set")
          // The other method does not need them.
          try LockOperations.switch(to: .paravirtual, poking: .store)
          stop.raise()
          blocker.join()
          try LockOperations.switch(to: .native, poking: .breakpoint)
        }
      }
    }

    /// Threads really meet sites in transit, and the report counts them.
    @Test func areMetAndCounted() async {
      await #expect(processExitsWith: .success) {
        inOwnProcess {
          var met: UInt64 = 0
          let harness = LockHarness(threads: 4, acquisitions: 0)
          let outcome = try harness.run(BareSpinlock()) { _ throws(any Error) in
            while met == 0 {
              for set: LockSet in [.paravirtual, .native] {
                met += try LockOperations.switch(to: set, poking: .breakpoint).breakpoints
              }
            }
          }
          check(outcome.isExclusive, "\(outcome.violations) violations, \(outcome.lost) lost")
        }
      }
    }
  }
}
