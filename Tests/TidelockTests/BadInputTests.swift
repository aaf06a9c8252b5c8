import Glibc
import LockHarness
import LockSites
import TestShims
import Testing
import Tidelock

extension Library {
  /// What cannot be switched is refused in one sentence, and nothing is changed.
  @Suite struct BadInput {
    @Test func noSites() async {
      await #expect(processExitsWith: .success) {
        inOwnProcess {
          test_detach_image()
          refusal(of: .paravirtual, "No patch site is loaded", "use a lock first")
          test_attach_image()
          try switchInAllDirections(poking: .store)
        }
      }
    }

    @Test(arguments: [PokeMethod.store, .breakpoint])
    func alteredSite(method: PokeMethod) async throws {
      let path = try #require(Plugin.build("altered"))
      await #expect(processExitsWith: .success) { [method, path = path as String] in
        inOwnProcess {
          guard let plugin = Plugin(path) else { return check(false, "no library") }
          let altered = plugin.sites[0]
          check(test_protect_text(altered, 5, true) == 0, "mprotect")
          // As a debugger's breakpoint would look.
          test_write_bytes(altered, 0xcc, 1)
          for set: LockSet in [.paravirtual, .testAndSet] {
            let error = refusal(
              of: set, by: method, "plugin_", "+0x", "tidelock-plugin-altered.so",
              "cc c6 47 00 00", "40 c6 47 00 00")
            check(error?.report.result == .refused, "the result is \(String(describing: error))")
          }
          check(test_read_bytes(altered, 5), is: 0x00_0047_c6cc, "the altered site")
          for site in plugin.sites.dropFirst() {
            check(test_read_bytes(site, 5), is: nativeUnlock, "a site that nobody altered")
          }
          test_write_bytes(altered, 0x40, 1)
          try switchInAllDirections(poking: method)
        }
      }
    }

    @Test(arguments: [PokeMethod.store, .breakpoint])
    func unwritableText(method: PokeMethod) async {
      await #expect(processExitsWith: .success) { [method] in
        inOwnProcess {
          check(test_forbid_writable_text(0), "no seccomp")
          let harness = LockHarness(threads: 4, acquisitions: 1_000)
          let outcome = try harness.run(BareSpinlock()) { _ throws(any Error) in
            refusal(of: .paravirtual, by: method, "does not let the text", "be written")
            // This one is no text.
            try LockOperations.switch(to: .testAndSet, poking: method)
            refusal(of: .paravirtual, by: method, "does not let the text", "be written")
            try LockOperations.switch(to: .native, poking: method)
          }
          check(outcome.isExclusive, "not exclusive")
        }
      }
    }

    @Test func blockedBreakpoints() async {
      await #expect(processExitsWith: .success) {
        inOwnProcess {
          let words = SharedWords(1)
          let stop = Flag()
          let blocking = Workers(1) { _ in
            test_trap_block(true)
            words[0] = UInt64(test_thread_id())
            wait { stop.isRaised }
          }
          wait { words[0] != 0 }
          refusal(of: .paravirtual, by: .breakpoint, "Thread \(words[0]) blocks SIGTRAP")
          // Neither does the other method care, nor a switch that changes no text.
          try LockOperations.switch(to: .paravirtual, poking: .store)
          refusal(of: .native, by: .breakpoint, "Thread \(words[0]) blocks SIGTRAP")
          try LockOperations.switch(to: .native, poking: .store)
          try LockOperations.switch(to: .testAndSet, poking: .breakpoint)
          try LockOperations.switch(to: .native, poking: .breakpoint)
          stop.raise()
          blocking.join()
          try switchInAllDirections(poking: .breakpoint)
        }
      }
    }

    /// A lock that is held with somebody queued for it: the old slow path is not left in time.
    @Test(arguments: [LockSet.native, .paravirtual], [PokeMethod.store, .breakpoint])
    func timeLimit(set: LockSet, method: PokeMethod) async {
      await #expect(processExitsWith: .success) { [set, method] in
        inOwnProcess {
          try LockOperations.switch(to: set)
          let words = SharedWords(2)
          let lock = words.address(0)
          let waiters = queue(3, for: lock)
          let next: LockSet = set == .native ? .paravirtual : .native
          for limit: Duration in [.milliseconds(20), .zero, .seconds(-1)] {
            do throws(SwitchError) {
              try LockOperations.switch(to: next, poking: method, timeLimit: limit)
              check(false, "switched over threads that wait")
            } catch {
              check(error.failure, is: .notDrained(set == .native ? .native : .paravirtual), "why")
              check(error.report.result, is: .undone, "the result")
              let text = "\(error)"
              check(text.contains("\(set) slow path") && text.contains("more time"), text)
            }
            check(LockOperations.current, is: set, "the set after a switch that was undone")
          }
          // In the set as it was, locks work, that one too.
          let harness = LockHarness(threads: 4, acquisitions: 200)
          check(harness.run(BareSpinlock()).isExclusive, "not exclusive")
          tidelock_unlock(lock)
          waiters.join()
          check(words[0], is: 0, "the lock's word")
          // The longest limit there is.
          try LockOperations.switch(to: next, poking: method, timeLimit: .seconds(Int64.max))
          check(LockOperations.current, is: next, "the set in the end")
          try LockOperations.switch(to: .native)
          try switchInAllDirections(poking: method)
        }
      }
    }

    /// The longest limits are limits, not numbers that overflow.
    @Test func endlessTimeLimit() async {
      await #expect(processExitsWith: .success) {
        inOwnProcess {
          let words = SharedWords(1)
          let lock = words.address(0)
          let waiters = queue(2, for: lock)
          let failures = Failures()
          let switching = Workers(1) { _ in
            do {
              try LockOperations.switch(to: .paravirtual, timeLimit: .seconds(Int64.max))
            } catch {
              failures.add("\(error)")
            }
          }
          let gateWaits = LockOperations.statistics.gateWaits
          // Others find the gate: the switch is waiting for those two.
          wait { failures.all.isEmpty == false || meetsGate(gateWaits) }
          tidelock_unlock(lock)
          waiters.join()
          switching.join()
          for failure in failures.all { check(false, failure) }
          check(LockOperations.current, is: .paravirtual, "the set in the end")
        }
      }
    }

    @Test func alreadyUnderWay() async {
      await #expect(processExitsWith: .success) {
        inOwnProcess {
          let words = SharedWords(1)
          let lock = words.address(0)
          let waiters = queue(2, for: lock)
          let failures = Failures()
          let gateWaits = LockOperations.statistics.gateWaits
          let switching = Workers(1) { _ in
            do {
              try LockOperations.switch(to: .paravirtual, timeLimit: .seconds(100))
            } catch {
              failures.add("\(error)")
            }
          }
          wait { meetsGate(gateWaits) }
          for set: LockSet in [.native, .paravirtual, .testAndSet] {
            let error = refusal(of: set, "Another switch is under way", "try again")
            check(error?.report.result == .refused, "the result is \(String(describing: error))")
          }
          check(LockOperations.current, is: .native, "the set while a switch is under way")
          tidelock_unlock(lock)
          waiters.join()
          switching.join()
          for failure in failures.all { check(false, failure) }
          check(LockOperations.current, is: .paravirtual, "the set in the end")
        }
      }
    }

    @Test func sameSet() async {
      await #expect(processExitsWith: .success) {
        inOwnProcess {
          let report = try LockOperations.switch(to: .native, reason: .policy)
          check(report.result, is: .unchanged, "the result")
          check(report.stepCount == 0 && report.sites == 0, "something was done: \(report)")
          check(report.reason, is: .policy, "who asked")
        }
      }
    }
  }
}

/// Asks for a switch that must be refused, with certain words, and must leave the set as it was.
@discardableResult
private func refusal(
  of set: LockSet, by method: PokeMethod = .store, _ words: String...
) -> SwitchError? {
  let before = LockOperations.current
  do throws(SwitchError) {
    try LockOperations.switch(to: set, poking: method)
    check(false, "switched to \(set)")
    return nil
  } catch {
    let text = "\(error)"
    for word in words { check(text.contains(word), "\"\(word)\" is not in: \(text)") }
    check(text.hasSuffix(".") && !text.contains("\n"), "no sentence: \(text)")
    check(LockOperations.current, is: before, "the set after a refusal")
    return error
  }
}

/// Takes a lock and starts threads that wait for it.
private func queue(_ count: Int, for lock: UInt) -> Workers {
  tidelock_lock(lock)
  let slowPaths = LockOperations.statistics.slowPaths
  let waiters = Workers(count) { _ in
    tidelock_lock(lock)
    tidelock_unlock(lock)
  }
  wait { LockOperations.statistics.slowPaths >= slowPaths + UInt64(count) }
  return waiters
}

/// Whether a thread that finds a lock taken comes to the gate.
private func meetsGate(_ before: UInt64) -> Bool {
  let words = SharedWords(1)
  let waiter = queue(1, for: words.address(0))
  let met = LockOperations.statistics.gateWaits > before
  tidelock_unlock(words.address(0))
  waiter.join()
  return met
}
