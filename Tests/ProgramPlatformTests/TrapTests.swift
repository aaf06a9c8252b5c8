import Glibc
import LockHarness
import TestShims
import Testing
import Tidelock

extension Platform {
  /// The handler of SIGTRAP passes on what is not its own.
  @Suite struct Traps {
    @Test(arguments: [true, false])
    func chainToTheHandlerBefore(withInfo: Bool) async {
      await #expect(processExitsWith: .success) { [withInfo] in
        inOwnProcess {
          test_trap_install(withInfo)
          try switchInAllDirections(poking: .breakpoint)
          for count: UInt32 in 1...3 {
            test_trap_execute()
            check(test_trap_count(), is: count, "breakpoints that reached their handler")
            check(test_trap_was_ours(), "the handler was told something else")
          }
        }
      }
    }

    /// A handler that somebody puts in front of ours, and that passes everything on to it, must not
    /// be passed it back for ever: at the next switch both want to be first.
    @Test func chainWithAHandlerInFront() async {
      await #expect(processExitsWith: .success) {
        inOwnProcess {
          test_trap_install(true)
          try LockOperations.switch(to: .paravirtual, poking: .breakpoint)
          test_trap_install_in_front()
          let harness = LockHarness(threads: 4, acquisitions: 0)
          let outcome = try harness.run(BareSpinlock()) { _ throws(any Error) in
            try LockOperations.switch(to: .native, poking: .breakpoint)
            for _ in 0..<20 { try switchInAllDirections(poking: .breakpoint) }
          }
          check(outcome.isExclusive, "not exclusive")
          test_trap_execute()
          // By the one in front, and by the one that was there first.
          check(test_trap_count(), is: 2, "breakpoints that reached their handlers")
        }
      }
    }

    /// With nobody before us the process dies of a breakpoint, as it would without us.
    @Test func defaultActionEnds() async {
      await #expect(processExitsWith: .signal(SIGTRAP)) {
        inOwnProcess {
          signal(SIGTRAP, SIG_DFL)
          try switchInAllDirections(poking: .breakpoint)
          test_trap_execute()
        }
      }
    }

    /// Breakpoints are really met, and counted.
    @Test func areMet() async {
      await #expect(processExitsWith: .success) {
        inOwnProcess {
          var met: UInt64 = 0
          let harness = LockHarness(threads: 4, acquisitions: 0)
          let outcome = try harness.run(BareSpinlock()) { _ throws(any Error) in
            while met == 0 {
              for set in allDirections {
                met += try LockOperations.switch(to: set, poking: .breakpoint).breakpoints
              }
            }
            for set in allDirections {
              let report = try LockOperations.switch(to: set, poking: .store)
              check(report.breakpoints, is: 0, "breakpoints met by the store method")
            }
          }
          check(outcome.isExclusive, "not exclusive")
        }
      }
    }
  }
}
