import CodePatching
import LockPlatform
import LockSwitching
import Testing

extension FakeGuestTests {
  @Suite struct BarrierTests {
    func run(
      _ to: LockSet, limit: UInt64 = 1_000_000, accounting: Accounting = .untilUnlock
    ) -> SwitchReport {
      FakeGuestTests.run(.barrier, to, limit: limit, SwitchOptions(accounting: accounting))
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
      #expect(run(.paravirtual, accounting: accounting).failure == nil)
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
      #expect(run(.paravirtual).failure == nil)
      #expect(rests == 5)
    }

    @Test func isUndoneWhenTheCountDoesNotFall() {
      FakeGuest.reset(.paravirtual)
      FakeGuest.store(2, to: FakeGuest.mark(of: 1), .relaxed)
      let report = run(.native, limit: 5_000)
      #expect(report.failure == .notQuiescent(references: 2))
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
      #expect(run(.paravirtual, limit: 5_000).failure == .notQuiescent(references: 1))
      #expect(run(.paravirtual, limit: 5_000).failure == nil)
    }

    /// A CPU that read the old set and was descheduled before it acted is still counted.
    @Test func theSetDoesNotChangeUnderAnEmulation() {
      FakeGuest.reset(.native)
      FakeGuest.on(1) {
        Counted<FakeGuest>.perform { inForce in
          #expect(inForce == .native)
          FakeGuest.on(0) {
            #expect(run(.paravirtual, limit: 5_000).failure == .notQuiescent(references: 1))
          }
        }
      }
      #expect(run(.paravirtual, limit: 5_000).failure == nil)
    }

    /// At the gate one is not counted, and is told what is sound beside both sets.
    @Test func anEmulationAtTheGateIsNotCounted() {
      FakeGuest.reset(.native)
      FakeGuest.lead(to: .gate)
      FakeGuest.on(1) {
        Counted<FakeGuest>.perform { inForce in
          #expect(inForce == .gate)
          #expect(FakeGuest.load(FakeGuest.mark(of: 1), .relaxed) == 0)
        }
      }
    }
  }
}
