import CodePatching
import LockPlatform
import LockSwitching
import Testing

extension FakeGuestTests {
  @Suite struct BarrierTests {
    func run(
      _ from: LockSet, _ to: LockSet, limit: UInt64 = 1_000_000,
      _ accounting: Accounting = .untilUnlock
    ) -> (SwitchReport, SwitchFailure?) {
      BarrierSwitch<FakeGuest>.run(
        SwitchRequest(
          from: from, to: to, method: .store, timeLimit: limit, reason: .operator,
          options: SwitchOptions(accounting: accounting)))
    }

    @Test(arguments: directions, [false, true])
    func reachesTheSet(_ direction: (LockSet, LockSet), _ isKernel: Bool) {
      FakeGuest.reset(direction.0, kernel: isKernel)
      let (report, failure) = run(direction.0, direction.1)
      #expect(failure == nil)
      #expect(report.result == .done)
      #expect(FakeGuest.isIn(direction.1))
    }

    @Test(arguments: directions, [false, true])
    func undoesARefusalAtEveryStep(_ direction: (LockSet, LockSet), _ isKernel: Bool) {
      var refusals = 0
      for budget in 0... {
        FakeGuest.reset(direction.0, kernel: isKernel)
        FakeGuest.budget = budget
        let (report, failure) = run(direction.0, direction.1)
        if failure == nil { break }
        refusals += 1
        #expect(report.result == .undone)
        #expect(FakeGuest.isIn(direction.0), "after \(budget) grants")
      }
      // Every site is written three times in every direction.
      #expect(refusals >= 9)
    }

    /// Whatever a site holds while the text is open, a CPU that executes it finds a breakpoint, or a
    /// form that is sound beside the slow paths that may be run.
    @Test(arguments: directions)
    func everyMixtureIsSound(_ direction: (LockSet, LockSet)) {
      var refusals = 0
      for budget in 0... {
        FakeGuest.reset(direction.0)
        FakeGuest.budget = budget
        FakeGuest.onWrite = { _ in
          let now = Implementation(
            rawValue: UInt8(FakeGuest.load(FakeGuest.slowPath, .relaxed)))
          for index in 0..<2 {
            let bytes = FakeGuest.get(5, FakeGuestSites().site(index).address)
            let isNative = bytes == ProgramUnlockForms.native.bytes
            #expect(!isNative || now != .paravirtual, "refused after \(budget)")
          }
        }
        if run(direction.0, direction.1).1 == nil { break }
        refusals += 1
      }
      #expect(refusals > 0)
    }

    /// In the slow path when the breakpoints come, then holding what it took there.
    @Test(arguments: [Accounting.untilUnlock, .slowPathOnly])
    func countsASlowPathAndItsLock(_ accounting: Accounting) {
      FakeGuest.reset(.native)
      FakeGuest.store(1, to: FakeGuest.mark(of: 2), .relaxed)
      var rests = 0
      FakeGuest.onRest = {
        rests += 1
        FakeGuest.on(2) {
          switch rests {
          case 3:
            // Took the lock; passes the barrier by that.
            References<FakeGuest>.keep(0xa000)
            FakeGuest.store(0, to: FakeGuest.mark(of: 2), .relaxed)
          case 6: References<FakeGuest>.drop(0xa000)
          default: break
          }
        }
      }
      #expect(run(.native, .paravirtual, accounting).1 == nil)
      #expect(rests == (accounting == .untilUnlock ? 6 : 3))
      #expect(FakeGuest.isIn(.paravirtual))
    }

    /// Released in the order in which they were taken, with one in between that came by the fast
    /// path.
    @Test func unlocksNeedNotBeLastInFirstOut() {
      FakeGuest.reset(.native)
      FakeGuest.store(1, to: FakeGuest.mark(of: 2), .relaxed)
      var rests = 0
      FakeGuest.onRest = {
        rests += 1
        FakeGuest.on(2) {
          switch rests {
          case 1:
            References<FakeGuest>.keep(0xa000)
            References<FakeGuest>.keep(0xb000)
            FakeGuest.store(0, to: FakeGuest.mark(of: 2), .relaxed)
          case 2: References<FakeGuest>.drop(0xc000)
          case 3: References<FakeGuest>.drop(0xa000)
          case 5: References<FakeGuest>.drop(0xb000)
          default: break
          }
        }
      }
      #expect(run(.native, .paravirtual).1 == nil)
      #expect(rests == 5)
    }

    @Test func isUndoneWhenTheCountDoesNotFall() {
      FakeGuest.reset(.paravirtual)
      FakeGuest.store(2, to: FakeGuest.mark(of: 1), .relaxed)
      let (report, failure) = run(.paravirtual, .native, limit: 5_000)
      #expect(failure == .notQuiescent(references: 2))
      #expect(report.result == .undone)
      #expect(FakeGuest.isIn(.paravirtual))
    }

    /// What an undone switch had counted is forgotten by the next.
    @Test func aLockKeptInAnUndoneSwitchDoesNotHinderTheNext() {
      FakeGuest.reset(.native)
      FakeGuest.store(1, to: FakeGuest.mark(of: 1), .relaxed)
      FakeGuest.onRest = {
        FakeGuest.on(1) { References<FakeGuest>.keep(0xa000) }
        FakeGuest.store(0, to: FakeGuest.mark(of: 1), .relaxed)
        FakeGuest.onRest = {}
      }
      #expect(run(.native, .paravirtual, limit: 5_000).1 == .notQuiescent(references: 1))
      #expect(run(.native, .paravirtual, limit: 5_000).1 == nil)
    }

    /// A CPU that read the old set and was descheduled before it acted is still counted.
    @Test func theSetDoesNotChangeUnderAnEmulation() {
      FakeGuest.reset(.native)
      FakeGuest.on(1) {
        Counted<FakeGuest>.perform { inForce in
          #expect(inForce == .native)
          FakeGuest.on(0) {
            #expect(run(.native, .paravirtual, limit: 5_000).1 == .notQuiescent(references: 1))
          }
        }
      }
      #expect(run(.native, .paravirtual, limit: 5_000).1 == nil)
    }

    /// At the gate one is not counted, and is told what is sound beside both sets.
    @Test func anEmulationAtTheGateIsNotCounted() {
      FakeGuest.reset(.native)
      FakeGuest.enter(.gate)
      FakeGuest.on(1) {
        Counted<FakeGuest>.perform { inForce in
          #expect(inForce == .gate)
          #expect(FakeGuest.load(FakeGuest.mark(of: 1), .relaxed) == 0)
        }
      }
    }
  }
}
