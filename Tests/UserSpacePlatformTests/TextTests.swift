import Foundation
import LockHarness
import TestShims
import Testing
import Tidelock

extension Platform {
  /// What is done to the program's text, and what is refused.
  @Suite struct Text {
    @Test(arguments: [PokeMethod.store, .breakpoint])
    func permissionsAreGivenBackAsTheyWere(method: PokeMethod) async {
      await #expect(processExitsWith: .success) { [method] in
        inOwnProcess {
          // A part of the text that somebody has made writable stays so.
          test_protect_text(test_site_address(0), 1, true)
          let before = try protections()
          check(before.contains { $0.hasSuffix("rwxp") }, "no part of the text is writable")
          try switchInAllDirections(poking: method)
          check(try protections() == before, "permissions of the text have changed")
        }
      }
    }

    /// A site with other bytes: refused by name, nothing changed; put back, all is well.
    @Test(arguments: [PokeMethod.store, .breakpoint])
    func anAlteredSiteIsNamed(method: PokeMethod) async {
      await #expect(processExitsWith: .success) { [method] in
        inOwnProcess {
          let sites = (0..<test_site_count()).map(test_site_address)
          let altered = sites[sites.count / 2]
          test_protect_text(altered, 8, true)
          test_write_bytes(altered + 4, 0x7f, 1)
          let before = sites.map { test_read_bytes($0, 5) }
          do throws(SwitchError) {
            try LockOperations.switch(to: .paravirtual, poking: method)
            check(false, "an altered site was not noticed")
          } catch {
            check(
              error.failure
                == .patch(
                  .unknownBytes(
                    site: altered, found: 0x7f_0047_c640, expected: 0x00_0047_c640)),
              "\(error.failure)")
            check(error.report.result, is: .refused, "the result")
            check(
              error.description.contains("40 c6 47 00 7f")
                && error.description.contains("40 c6 47 00 00"), error.description)
          }
          check(sites.map { test_read_bytes($0, 5) }, is: before, "the sites")
          check(LockOperations.current, is: .native, "the set")
          test_write_bytes(altered + 4, 0, 1)
          try switchInAllDirections(poking: method)
        }
      }
    }

    @Test func textThatCannotBeWritten() async {
      await #expect(processExitsWith: .success) {
        inOwnProcess {
          check(test_forbid_writable_text(), "no seccomp")
          for method: PokeMethod in [.store, .breakpoint] {
            do throws(SwitchError) {
              try LockOperations.switch(to: .paravirtual, poking: method)
              check(false, "unwritable text was written")
            } catch {
              guard case .patch(.notWritable) = error.failure else {
                check(false, "\(error)")
                continue
              }
              check(error.report.result, is: .undone, "the result")
            }
            check(LockOperations.current, is: .native, "the set")
            let harness = LockHarness(threads: 2, acquisitions: 1000)
            check(harness.run(BareSpinlock()).isExclusive, "locks after a refusal")
          }
          // What is not text can still be switched.
          try LockOperations.switch(to: .testAndSet)
        }
      }
    }

    @Test func anotherSwitchUnderWayAndATimeLimit() async {
      await #expect(processExitsWith: .success) {
        inOwnProcess {
          let lock = BareSpinlock()
          lock.acquire()
          let waiting = Flag()
          let waiter = Workers(1) { _ in
            waiting.raise()
            lock.acquire()
            lock.release()
          }
          // Until it is in the slow path, which a drain then has to wait for.
          wait { waiting.isRaised && LockOperations.statistics.slowPaths > 0 }
          let failures = Failures()
          let switcher = Workers(1) { _ in
            do throws(SwitchError) {
              try LockOperations.switch(to: .paravirtual, timeLimit: .seconds(2))
              failures.add("a drain ended with a waiter inside")
            } catch {
              if error.failure != .notDrained(.native) { failures.add("\(error)") }
              if error.report.result != .undone { failures.add("\(error.report.result)") }
            }
          }
          var met = false
          while !met {
            do throws(SwitchError) {
              try LockOperations.switch(to: .testAndSet, timeLimit: .zero)
            } catch {
              met = error.failure == .underWay
            }
          }
          switcher.join()
          for failure in failures.all { check(false, failure) }
          check(LockOperations.current, is: .native, "the set after the undo")
          lock.release()
          waiter.join()
          try switchInAllDirections(poking: .store)
        }
      }
    }
  }
}

/// Addresses and permissions of all mapped text; neighbours with the same permissions are one,
/// which the kernel does not always see (pages that were written are another mapping to it).
private func protections() throws -> [String] {
  var ranges: [(low: Substring, high: Substring, protection: Substring)] = []
  for line in try String(contentsOfFile: "/proc/self/maps", encoding: .utf8).split(separator: "\n")
  {
    let fields = line.split(separator: " ", maxSplits: 2)
    guard fields[1].contains("x"), let dash = fields[0].firstIndex(of: "-") else { continue }
    let (low, high) = (fields[0][..<dash], fields[0][fields[0].index(after: dash)...])
    if let last = ranges.last, last.high == low, last.protection == fields[1] {
      ranges[ranges.count - 1].high = high
    } else {
      ranges.append((low, high, fields[1]))
    }
  }
  return ranges.map { "\($0.low)-\($0.high) \($0.protection)" }
}
