import Glibc
import LockHarness
import TestShims
import Testing
import Tidelock

extension Platform {
  /// A check that cannot be made: the switch is refused, with the cause, and nothing has changed.
  @Suite struct UncheckedSwitches {
    /// Descriptors used up.
    ///
    /// A thread blocks SIGTRAP: nobody sees it, and its first breakpoint would end
    /// the process. A page of the text is writable, and nobody sees that either.
    @Test func noDescriptorIsLeft() async {
      await #expect(processExitsWith: .success) {
        inOwnProcess {
          let stop = Flag()
          let lock = BareSpinlock()
          let blocking = Workers(1) { _ in
            test_trap_block(true)
            while !stop.isRaised {
              lock.acquire()
              lock.release()
            }
          }
          let page = test_site_address(0)
          check(test_protect_text(page, 5, true) == 0, "mprotect")
          let before = writableText
          var limit = rlimit()
          // Both only use the variable while they run, here and below.
          unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
          let all = limit.rlim_cur
          limit.rlim_cur = 0
          unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
          let errors = failuresOfAllWays()
          limit.rlim_cur = all
          unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
          for error in errors {
            check(error, "No file descriptor is left", "nothing was changed", "RLIMIT_NOFILE")
          }
          check(writableText, is: before, "writable text")
          check(LockOperations.current, is: .native, "the set")
          stop.raise()
          blocking.join()
          check(test_protect_text(page, 5, false) == 0, "mprotect")
          try switchInAllDirections(poking: .breakpoint)
        }
      }
    }

    /// A root without /proc.
    ///
    /// Only root may change it.
    @Test(.enabled(if: isRoot, "changing the root needs root"))
    func noProcIsMounted() async {
      await #expect(processExitsWith: .success) {
        inOwnProcess {
          // Literals are terminated.
          let root = unsafe open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
          check(unsafe chroot("/usr") == 0, "chroot")
          let errors = failuresOfAllWays()
          check(fchdir(root) == 0 && (unsafe chroot(".")) == 0, "the way back")
          for error in errors {
            check(error, "/proc is not mounted here", "nothing was changed", "mount /proc")
          }
          check(LockOperations.current, is: .native, "the set")
          try switchInAllDirections(poking: .store)
        }
      }
    }

    /// /proc of another pid namespace numbers the threads otherwise: none of those that it names can be
    /// gathered, and each looks as if it had ended.
    @Test(.enabled(if: isRoot, "a pid namespace needs root"))
    func procIsOfAnotherNamespace() async {
      await #expect(processExitsWith: .success) {
        inOwnProcess {
          let child = test_fork()
          if child == 0 {
            guard test_new_pid_namespace() else { _exit(1) }
            let inner = test_fork()
            if inner == 0 { _exit(isRefusedInItsNamespace() ? 0 : 2) }
            _exit(test_wait(inner))
          }
          check(test_wait(child), is: 0, "how the child ended")
        }
      }
    }
  }
}

let isRoot = geteuid() == 0

/// In a process whose /proc is of another namespace: what gathers is refused, and what does not works.
private func isRefusedInItsNamespace() -> Bool {
  let harness = LockHarness(threads: 3, acquisitions: 0)
  var isRefused = true
  let outcome = harness.run(BareSpinlock()) { _ in
    for options in [SwitchOptions(stopMode: .task), SwitchOptions(stopMode: .nmi)] {
      let error = failure { () throws(SwitchError) in
        try LockOperations.switch(
          to: .paravirtual, using: .stopMachine, options: options)
      }
      guard let error, case .unchecked(.otherNamespace) = error.failure,
        error.report.result == .refused, "\(error)".contains("another pid namespace")
      else { return isRefused = false }
    }
    isRefused =
      isRefused && LockOperations.current == .native
      && (try? LockOperations.switch(to: .paravirtual, poking: .breakpoint)) != nil
      && (try? LockOperations.switch(to: .native)) != nil
  }
  return isRefused && outcome.isExclusive
}

private func failure(_ body: () throws(SwitchError) -> SwitchReport) -> SwitchError? {
  do throws(SwitchError) {
    _ = try body()
    return nil
  } catch {
    return error
  }
}

/// What a switch to paravirtual ends in by each protocol and method.
private func failuresOfAllWays() -> [SwitchError?] {
  [
    failure { () throws(SwitchError) in try LockOperations.switch(to: .paravirtual) },
    failure { () throws(SwitchError) in
      try LockOperations.switch(to: .paravirtual, poking: .breakpoint)
    },
    failure { () throws(SwitchError) in
      try LockOperations.switch(to: .paravirtual, using: .stopMachine)
    },
    failure { () throws(SwitchError) in
      try LockOperations.switch(to: .paravirtual, using: .barrier)
    },
  ]
}

private func check(_ error: SwitchError?, _ words: String...) {
  guard let error else { return check(false, "switched all the same") }
  let text = "\(error)"
  for word in words { check(text.contains(word), "\"\(word)\" is not in: \(text)") }
  check(text.hasSuffix(".") && !text.contains("\n"), "no sentence: \(text)")
  check(error.report.result, is: .refused, "the result (\(text))")
}
