import Glibc
import LockHarness
import LockSites
import LockSwitching
import TestShims
import Testing
import Tidelock
import UserSpaceShims

extension Platform {
  /// What the kernel, or whoever else, refuses between two steps of a switch: exclusion is kept, what
  /// is in force is what the error says, and later requests go on from there.
  @Suite struct RefusedPokes {
    /// Text that could be written when the switch began, and no longer when the old slow path has
    /// drained: all of it, or the program's, which comes after a library's.
    @Test(arguments: [false, true], [PokeMethod.store, .breakpoint])
    func unwritableAfterTheDrain(inTheMiddle: Bool, method: PokeMethod) async throws {
      let path = try #require(Plugin.build("refused"))
      await #expect(processExitsWith: .success) {
        [inTheMiddle, method, path = path as String] in
        inOwnProcess {
          guard let plugin = Plugin(path) else { return check(false, "no library") }
          try LockOperations.switch(to: .paravirtual)
          let page = inTheMiddle ? (0..<test_site_count()).map(test_site_address).min() ?? 0 : 0
          let error = failure(of: .native, by: method) {
            check(test_forbid_writable_text(page), "no seccomp")
          }
          check(error, result: .undone, "does not let the text", "be written", "was undone")
          check(LockOperations.current, is: .paravirtual, "the set")
          check(plugin.forms.allSatisfy(isJump), "sites: \(plugin.forms)")
          checkExclusion()

          // Now it is known before anybody meets the gate.
          let gateWaits = LockOperations.statistics.gateWaits
          for set: LockSet in [.native, .testAndSet] {
            check(
              failure(of: set, by: method), result: .refused, "be written", "nothing was changed")
          }
          check(LockOperations.statistics.gateWaits, is: gateWaits, "who met the gate")
          check(LockOperations.current, is: .paravirtual, "the set")
          checkExclusion()
        }
      }
    }

    /// Undone because it timed out, and then not even undone: `stuck`, from where the next request
    /// goes on.
    @Test func stuckIsAState() async {
      await #expect(processExitsWith: .success) {
        inOwnProcess {
          let error = failure(of: .paravirtual, limit: .milliseconds(50)) {
            check(test_forbid_writable_text(0), "no seccomp")
          }
          check(error, result: .stuck, "native slow path", "undoing the switch failed as well")
          check(LockOperations.current, is: .native, "the set")
          check(isAtGate, "no gate")
          checkExclusion()
          check(failure(of: .testAndSet), result: .refused, "be written")
          check(failure(of: .native), result: .refused, "be written")
          // Text has the form that this one wants.
          let report = try LockOperations.switch(to: .paravirtual)
          check(report.result, is: .done, "the result")
          check(report.sites, is: 0, "sites poked")
          check(LockOperations.current, is: .paravirtual, "the set")
          check(!isAtGate, "the gate stays")
          checkExclusion()
          wait { !isRetrying }
        }
      }
    }

    /// Settled by itself as soon as that is possible; by the process, and by its child.
    @Test(arguments: [false, true])
    func stuckIsTriedAgain(forks: Bool) async throws {
      let path = try #require(Plugin.build("stuck"))
      await #expect(processExitsWith: .success) { [forks, path = path as String] in
        inOwnProcess {
          guard let plugin = Plugin(path) else { return check(false, "no library") }
          let altered = plugin.sites[0]
          let error = failure(of: .paravirtual, limit: .milliseconds(50)) {
            check(test_protect_text(altered, 5, true) == 0, "mprotect")
            test_write_bytes(altered, 0xcc, 1)
          }
          check(error, result: .stuck, "native slow path", "undoing the switch failed as well")
          check(failure(of: .paravirtual), result: .refused, "tidelock-plugin-stuck.so", "holds cc")
          check(isRetrying, "nobody tries again")
          checkExclusion()
          test_write_bytes(altered, 0xe9, 1)
          if forks {
            let child = test_fork()
            if child == 0 {
              let isSettled = plugin.forms.allSatisfy { $0 == nativeUnlock } && !isAtGate
              guard isSettled, !isRetrying else { _exit(1) }
              _exit((try? switchInAllDirections(poking: .store)) == nil ? 2 : 0)
            }
            check(test_wait(child), is: 0, "how the child ended")
          }
          wait { !isRetrying }
          check(plugin.forms.allSatisfy { $0 == nativeUnlock }, "sites: \(plugin.forms)")
          check(!isAtGate, "the gate stays")
          try switchInAllDirections(poking: .breakpoint)
        }
      }
    }

    /// Pages that the kernel lets be written, and then not be protected again.
    @Test(arguments: [PokeMethod.store, .breakpoint], [false, true])
    func unprotectable(method: PokeMethod, afterTheDrain: Bool) async {
      await #expect(processExitsWith: .success) { [method, afterTheDrain] in
        inOwnProcess {
          let before: LockSet = afterTheDrain ? .paravirtual : .native
          let next: LockSet = afterTheDrain ? .native : .paravirtual
          try LockOperations.switch(to: before)
          if !afterTheDrain { check(test_forbid_protecting_text(), "no seccomp") }
          let error = failure(of: next, by: method) {
            if afterTheDrain { check(test_forbid_protecting_text(), "no seccomp") }
          }
          check(error, result: .undone, "read-only again", "stays writable", "mprotect")
          check(LockOperations.current, is: before, "the set")
          checkExclusion()
          // Nothing is left to be refused; what was said is not said again.
          try LockOperations.switch(to: next, poking: method)
          try LockOperations.switch(to: .native, poking: method)
          try switchInAllDirections(poking: method)
          checkExclusion()
        }
      }
    }

    /// membarrier refused before the switch: it is not begun.
    @Test(arguments: [TEST_BARRIER, TEST_BARRIER_SYNC_CORE])
    func noBarrier(command: Int32) async {
      await #expect(processExitsWith: .success) { [command] in
        inOwnProcess {
          try LockOperations.switch(to: .paravirtual)
          check(test_forbid_barrier(command), "no seccomp")
          let gateWaits = LockOperations.statistics.gateWaits
          check(
            failure(of: .native), result: .refused, "refused to serialize", "nothing was changed")
          check(LockOperations.statistics.gateWaits, is: gateWaits, "who met the gate")
          check(LockOperations.current, is: .paravirtual, "the set")
          checkExclusion()
        }
      }
    }

    /// membarrier refused between two steps, so that no site can be written any more.
    ///
    /// What is in place is sound, also for a library that comes now.
    @Test func noBarrierAfterTheDrain() async throws {
      let path = try #require(Plugin.build("mixed"))
      await #expect(processExitsWith: .success) { [path = path as String] in
        inOwnProcess {
          try LockOperations.switch(to: .paravirtual)
          let error = failure(of: .native) {
            check(test_forbid_barrier(TEST_BARRIER_SYNC_CORE), "no seccomp")
          }
          check(error, result: .stuck, "refused to serialize", "undoing the switch failed as well")
          check(LockOperations.current, is: .paravirtual, "the set")
          checkExclusion()
          guard let plugin = Plugin(path) else { return check(false, "no library") }
          let words = SharedWords(2)
          let worker = Workers(1) { _ in
            for _ in 0..<1000 {
              tidelock_lock(words.address(0))
              words[1] += 1
              tidelock_unlock(words.address(0))
            }
          }
          plugin.add(1000, to: words.address(1), under: words.address(0))
          worker.join()
          check(words[1], is: 2000, "what was counted")
          check(failure(of: .native), result: .refused, "refused to serialize")
        }
      }
    }

    /// A site that somebody alters between two switches, or between two steps of one.
    @Test(arguments: [PokeMethod.store, .breakpoint], [false, true])
    func alteredSite(method: PokeMethod, afterTheDrain: Bool) async throws {
      let path = try #require(Plugin.build("between"))
      await #expect(processExitsWith: .success) {
        [method, afterTheDrain, path = path as String] in
        inOwnProcess {
          guard let plugin = Plugin(path) else { return check(false, "no library") }
          try LockOperations.switch(to: .paravirtual)
          let altered = plugin.sites[0]
          let jump = test_read_bytes(altered, 5)
          func alter() {
            check(test_protect_text(altered, 5, true) == 0, "mprotect")
            test_write_bytes(altered, 0xcc, 1)
          }
          if !afterTheDrain { alter() }
          let error = failure(of: .native, by: method) { if afterTheDrain { alter() } }
          check(
            error, result: afterTheDrain ? .undone : .refused, "plugin_", "+0x",
            "tidelock-plugin-between.so", "holds cc", "expected e9")
          check(LockOperations.current, is: .paravirtual, "the set")
          check(test_read_bytes(altered, 5), is: jump & ~0xff | 0xcc, "the altered site")
          checkExclusion()
          test_write_bytes(altered, jump, 1)
          try LockOperations.switch(to: .native, poking: method)
          try switchInAllDirections(poking: method)
        }
      }
    }
  }
}

private var isAtGate: Bool { word32(tidelock_state_slow_path()) == 3 }
private var isRetrying: Bool { word32(tidelock_state_is_retrying()) != 0 }

/// Switches while a lock is held that somebody waits for, and calls a body while the drain waits for
/// them; with a limit the lock is held until it has passed.
///
/// The error that this ends in.
private func failure(
  of set: LockSet, by method: PokeMethod = .store, limit: Duration? = nil,
  _ meanwhile: () -> Void
) -> SwitchError? {
  let words = SharedWords(1)
  let lock = words.address(0)
  tidelock_lock(lock)
  let slowPaths = LockOperations.statistics.slowPaths
  let waiter = Workers(1) { _ in
    tidelock_lock(lock)
    tidelock_unlock(lock)
  }
  wait { LockOperations.statistics.slowPaths > slowPaths }
  let ended = Flag()
  let errors = Errors()
  let switching = Workers(1) { _ in
    do throws(SwitchError) {
      try LockOperations.switch(to: set, poking: method, timeLimit: limit ?? .seconds(60))
    } catch {
      errors.last.withLock { $0 = error }
    }
    ended.raise()
  }
  // The gate is led to before the step's text is written: what is done to a page that is open would be
  // undone when it is closed.
  wait { isAtGate && writableText.isEmpty || ended.isRaised }
  meanwhile()
  if limit != nil { wait { ended.isRaised } }
  tidelock_unlock(lock)
  waiter.join()
  switching.join()
  return errors.last.withLock { $0 }
}

/// Switches; the error that this ends in.
private func failure(of set: LockSet, by method: PokeMethod = .store) -> SwitchError? {
  do throws(SwitchError) {
    try LockOperations.switch(to: set, poking: method)
    return nil
  } catch {
    return error
  }
}

private final class Errors: Sendable {
  let last = Mutex<SwitchError?>(nil)
}

/// Records an issue unless a switch ended in an error with this result, and with these words in one
/// sentence.
private func check(_ error: SwitchError?, result: SwitchResult, _ words: String...) {
  guard let error else { return check(false, "switched all the same") }
  let text = "\(error)"
  for word in words { check(text.contains(word), "\"\(word)\" is not in: \(text)") }
  check(text.hasSuffix(".") && !text.contains("\n"), "no sentence: \(text)")
  check(error.report.result, is: result, "the result (\(text))")
}

private func checkExclusion() {
  let harness = LockHarness(threads: 4, acquisitions: 1_000)
  check(harness.run(BareSpinlock()).isExclusive, "not exclusive")
}
