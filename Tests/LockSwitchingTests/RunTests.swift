import CodePatching
import LockPlatform
import LockSwitching
import Testing

/// Suites that share the fake guest.
@Suite(.serialized) enum FakeGuestTests {
  static func run(
    _ switchProtocol: SwitchProtocol, _ to: LockSet, limit: UInt64 = 1_000_000,
    _ options: SwitchOptions = SwitchOptions()
  ) -> SwitchReport {
    SwitchRun<FakeGuest>.run(
      SwitchRequest(
        to: to, using: switchProtocol, options: options,
        poking: FakeGuest.isKernel ? .breakpoint : .store, timeLimit: limit, reason: .operator))
  }
}

/// A system, a protocol, and the way from one set to another.
struct Trial: Sendable, CustomTestStringConvertible {
  var from: LockSet
  var to: LockSet
  var `protocol`: SwitchProtocol
  var isKernel: Bool

  var testDescription: String {
    "\(isKernel ? "kernel" : "program"), \(`protocol`), \(from) -> \(to)"
  }

  static var all: [Trial] {
    [false, true].flatMap { isKernel in
      [SwitchProtocol.staged, .stopMachine, .barrier].flatMap { switchProtocol in
        directions.map {
          Trial(from: $0.0, to: $0.1, protocol: switchProtocol, isKernel: isKernel)
        }
      }
    }
  }

  func begin() { FakeGuest.reset(from, kernel: isKernel) }

  func run(limit: UInt64 = 1_000_000) -> SwitchReport {
    FakeGuestTests.run(`protocol`, to, limit: limit)
  }
}

extension FakeGuestTests {
  @Suite struct RunTests {
    @Test(arguments: Trial.all)
    func reachesTheSetThroughSoundMixtures(_ trial: Trial) {
      trial.begin()
      let report = trial.run()
      #expect(report.failure == nil)
      #expect(report.result == .done)
      #expect((report.from, report.to, report.protocol) == (trial.from, trial.to, trial.protocol))
      #expect(FakeGuest.isIn(trial.to))
      #expect(!FakeGuest.wasUnsound)
      #expect((report.stallNanoseconds, report.breakpoints) == (42, 5))
      #expect(!LockStep<FakeGuest>.isUnderWay)
      if trial.to != .paravirtual {
        #expect(FakeGuest.chosen == trial.to.implementation(of: .slowPath))
      }
    }

    /// Whatever is refused, whenever: the system ends in the set it was in, through sound mixtures, and
    /// the next switch works.
    @Test(arguments: Trial.all)
    func undoesARefusalAtEveryStep(_ trial: Trial) {
      var refusals = 0
      for budget in 0... {
        trial.begin()
        FakeGuest.budget = budget
        let report = trial.run()
        if report.failure == nil { break }
        refusals += 1
        #expect(report.result == .undone || report.result == .refused)
        #expect(report.result == .undone || report.stepCount == 0)
        #expect(FakeGuest.isIn(trial.from), "after \(budget) grants: \(report)")
        #expect(!FakeGuest.wasUnsound, "after \(budget) grants: \(report)")
        #expect(trial.run().result == .done)
        #expect(FakeGuest.isIn(trial.to))
      }
      #expect(refusals >= 3)
    }

    /// If undoing fails as well, what is in place is sound, and every later request goes on from there.
    @Test(arguments: Trial.all)
    func goesOnFromWhereAnUndoStopped(_ trial: Trial) {
      for next in sets {
        var wasStuck = 0
        for refusals in 2...3 {
          for budget in 0... {
            trial.begin()
            FakeGuest.budget = budget
            FakeGuest.refusals = refusals
            // Of a kernel's CPUs that are gathered nothing is refused: see `gather`.
            if trial.isKernel, trial.protocol == .stopMachine { FakeGuest.refusals = 1 }
            let report = trial.run()
            if report.failure == nil { break }
            #expect(!FakeGuest.wasUnsound, "\(refusals) refusals after \(budget): \(report)")
            let state = SwitchState(bits: FakeGuest.load(FakeGuest.state, .relaxed))
            #expect(state.isSound, "\(refusals) refusals after \(budget): \(report)")
            #expect(state.isSettled(in: state.set) == (report.result != .stuck))
            #expect(state.set == trial.from)
            if report.result == .stuck { wasStuck += 1 }
            (FakeGuest.budget, FakeGuest.refusals) = (.max, 1)
            let after = FakeGuestTests.run(.staged, next)
            #expect(after.failure == nil, "\(refusals) refusals after \(budget): \(after)")
            #expect(FakeGuest.isIn(next), "\(refusals) refusals after \(budget): \(report)")
            #expect(!FakeGuest.wasUnsound, "\(refusals) refusals after \(budget): \(after)")
          }
        }
        // A program switches between these two without writing text, and nothing of that is refused.
        let isMemoryOnly =
          !trial.isKernel && trial.protocol != .barrier && trial.from != .paravirtual
          && trial.to != .paravirtual
        #expect(wasStuck > 0 || isMemoryOnly || trial.isKernel && trial.protocol == .stopMachine)
      }
    }

    /// A CPU stays in its slow path beyond the deadline.
    @Test(arguments: Trial.all)
    func undoesWhenItTimesOut(_ trial: Trial) {
      // Where gathered CPUs are outside every slow path there is nothing to wait for.
      if trial.isKernel, trial.protocol == .stopMachine { return }
      trial.begin()
      FakeGuest.store(1, to: FakeGuest.mark(of: 3), .relaxed)
      let report = trial.run(limit: 5_000)
      let expected: SwitchFailure =
        trial.protocol == .barrier
        ? .notQuiescent(references: 1) : .notDrained(trial.from.implementation(of: .slowPath))
      #expect(report.failure == expected)
      #expect(report.result == .undone)
      #expect(FakeGuest.isIn(trial.from))
      #expect(!FakeGuest.wasUnsound)
    }

    /// One pass of the breakpoint protocol for each batch.
    @Test(arguments: directions)
    func aStagedSwitchSerializesSixTimes(_ from: LockSet, _ to: LockSet) {
      FakeGuest.reset(from, kernel: true)
      let report = FakeGuestTests.run(.staged, to)
      #expect(report.result == .done)
      #expect(FakeGuest.serializations[1] == 6)
    }

    @Test func addsUpWhatItDid() {
      FakeGuest.reset(.native)
      FakeGuest.store(1, to: FakeGuest.mark(of: 3), .relaxed)
      var rests = 0
      FakeGuest.onRest = {
        rests += 1
        if rests == 2 { FakeGuest.store(0, to: FakeGuest.mark(of: 3), .relaxed) }
      }
      let report = FakeGuestTests.run(.staged, .paravirtual)
      #expect(report.sites == 2)
      #expect(report.nanoseconds == 200)
      #expect(report.stepCount == 3)
      #expect(report.stepsLeftOut == 0)
      #expect(report.step(1).kind == .drain(.native))
      #expect(report.step(1).nanoseconds == 200)
      #expect(
        report.step(2).kind
          == .poke(from: batch([(.slowPath, .gate)]), to: batch([(.slowPath, .paravirtual)])))
    }

    /// More steps than a report keeps are reported, not trapped.
    @Test func aReportHasAnEnd() {
      FakeGuest.reset(.native)
      var report = FakeGuestTests.run(.staged, .native)
      for _ in 0..<20 {
        report.add(ReportStep(kind: .drain(.native), isUndo: false, nanoseconds: 1, sites: 2))
      }
      #expect(report.stepCount == 12)
      #expect(report.stepsLeftOut == 8)
      #expect(report.sites == 40)
    }

    @Test func doesNothingToStay() {
      FakeGuest.reset(.paravirtual)
      let report = FakeGuestTests.run(.staged, .paravirtual)
      #expect(report.failure == nil)
      #expect(report.result == .unchanged)
    }

    @Test(arguments: Trial.all)
    func changesNothingWhenRefused(_ trial: Trial) {
      trial.begin()
      FakeGuest.refusesToPrepare = true
      let report = trial.run()
      #expect(report.failure == .noFreeSignal)
      #expect(report.result == .refused)
      #expect(FakeGuest.isIn(trial.from))
    }

    /// A site of any operation, also of one that is never switched, that was altered between two
    /// switches is named before anything is changed.
    @Test func namesASiteThatWasAltered() {
      for index in 0..<7 {
        FakeGuest.reset(.native, kernel: true)
        let site = FakeGuestSites().site(index).address
        FakeGuest.put(0x55, 1, site + 2)
        let report = FakeGuestTests.run(.staged, .paravirtual)
        guard case .patch(.unknownBytes(site, _, _))? = report.failure else {
          Issue.record("\(report)")
          continue
        }
        #expect(report.result == .refused)
        FakeGuest.put(FakeGuestSites().form(of: index, as: .native)?.bytes ?? 0, 5, site)
        #expect(FakeGuestTests.run(.staged, .paravirtual).result == .done)
      }
    }

    /// From a state that cannot be mixed nothing leads on, and the refusal says so.
    @Test func refusesAnUnsoundState() {
      FakeGuest.reset(.native)
      var state = SwitchState(.native)
      state.occupied = state.occupied.with(.paravirtual)
      FakeGuest.store(state.bits, to: FakeGuest.state, .relaxed)
      let report = FakeGuestTests.run(.staged, .paravirtual)
      #expect(report.failure == .unsound)
      #expect(report.result == .refused)
    }

    /// A limit that no clock reaches is no limit, and not one that is over already.
    @Test func aLimitBeyondTheClockIsNone() {
      FakeGuest.reset(.native)
      FakeGuest.clock = 1_000
      #expect(FakeGuestTests.run(.staged, .paravirtual, limit: .max).result == .done)
    }

    @Test func writesTheReportAsJSON() {
      FakeGuest.reset(.native)
      var bytes: [UInt8] = []
      FakeGuestTests.run(.staged, .paravirtual).writeJSON { bytes.append($0) }
      let text = String(decoding: bytes, as: UTF8.self)
      let steps = """
        ,"steps":[{"poke":{"wait":{"from":"native","to":"paravirtual"},\
        "kick":{"from":"native","to":"paravirtual"},\
        "unlock":{"from":"native","to":"paravirtual"},\
        "slow-path":{"from":"native","to":"gate"}},"microseconds":0.000,"sites":2},\
        {"drain":"native","microseconds":0.000,"sites":0},\
        {"poke":{"slow-path":{"from":"gate","to":"paravirtual"}},"microseconds":0.000,"sites":0}]}
        """
      #expect(text.hasSuffix(steps), "\(text)")
    }
  }
}
