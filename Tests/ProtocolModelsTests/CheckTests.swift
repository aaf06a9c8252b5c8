import ModelChecker
import ProtocolModels
import Testing

// Explorations need optimized code: without, generics are not specialised, loop counters stay and
// make states different that are the same.
#if !DEBUG
  /// The short part of what `tidelock verify` runs.
  @Suite struct CheckTests {
    @Test(arguments: Check.all.filter { !$0.isLong }) func isAsExpected(check: Check) {
      let verdict = check.model.explore(Limits(seconds: 300)).verdict
      switch (verdict, check.expectation) {
      case (.holds, .holds), (.fails, .fails): break
      default: Issue.record("\(check.group) \(check.name): \(verdict)")
      }
    }

    /// A counterexample that people can follow, from a row of the table that is wrong.
    @Test func aWrongRowHasAShortCounterexample() throws {
      let check = try #require(
        Check.all.first { $0.name == "paravirtual queue, native unlock" })
      guard case .fails(let failure) = check.model.explore().verdict else {
        Issue.record("not found")
        return
      }
      let short = check.model.shorten(failure)
      #expect(short.flaw == .deadlock)
      #expect(short.schedule.count <= failure.schedule.count)
      var last: Event?
      #expect(try check.model.replay(short.schedule) { last = $0 } == .deadlock)
      // The native unlock frees the lock under a head that sleeps, or is about to.
      #expect(last?.verb == "sleeps for good")
    }

    /// What bodies leave on their stacks, and no longer need, makes equal states look different:
    /// this model had 26 million of them when each access was followed by a call.
    @Test func equalStatesLookEqual() throws {
      let check = try #require(Check.all.first { $0.id == "locks/paravirtual 2+1+1 SC" })
      let result = check.model.explore(Limits(seconds: 300))
      #expect(result.verdict == .holds)
      #expect(result.states < 3_000_000)
    }

    @Test func checksHaveDifferentNames() {
      let names = Check.all.map(\.id)
      #expect(Set(names).count == names.count)
    }
  }
#endif
