import CodePatching
import LockPlatform
import LockSwitching
import Testing

extension FakeGuestTests {
  @Suite struct StopMachineTests {
    func run(_ to: LockSet, limit: UInt64 = 1_000_000) -> SwitchReport {
      FakeGuestTests.run(.stopMachine, to, limit: limit)
    }

    /// Nothing is written to a site before every CPU has serialized since the last write to it.
    @Test func everybodySerializesBetweenTheWritesOfASite() {
      FakeGuest.reset(.native, kernel: true)
      var before = FakeGuest.serializations
      var writes = 0
      FakeGuest.onWrite = { _ in
        for cpu in 0..<4 where writes > 0 {
          #expect(FakeGuest.serializations[cpu] > before[cpu], "write \(writes), CPU \(cpu)")
        }
        before = FakeGuest.serializations
        writes += 1
      }
      _ = run(.paravirtual)
      // Breakpoint, tail, first byte of six sites.
      #expect(writes == 18)
      for cpu in 0..<4 { #expect(FakeGuest.serializations[cpu] > before[cpu]) }
    }

    /// A CPU that does not come, or that stays away after the first states.
    @Test(arguments: [0, 1, 2, 3, 5])
    func undoesWhenTheTimeIsOver(_ writesBefore: Int) {
      FakeGuest.reset(.native)
      var writes = 0
      if writesBefore == 0 { FakeGuest.stuck = [2] }
      FakeGuest.onWrite = { _ in
        writes += 1
        if writes == writesBefore { FakeGuest.stuck = [2] }
      }
      let report = run(.paravirtual, limit: 5_000)
      #expect(report.failure == .notGathered(thread: 2))
      #expect(report.result == .undone)
      #expect(FakeGuest.isIn(.native))
    }

    @Test func waitsForTheOldSlowPathBeforeItGathers() {
      FakeGuest.reset(.native)
      FakeGuest.store(1, to: FakeGuest.mark(of: 3), .relaxed)
      var rests = 0
      FakeGuest.onRest = {
        #expect(FakeGuest.table[0] == .gate)
        #expect(!LockStep<FakeGuest>.isUnderWay)
        rests += 1
        if rests == 3 { FakeGuest.store(0, to: FakeGuest.mark(of: 3), .relaxed) }
      }
      #expect(run(.paravirtual).failure == nil)
      #expect(rests == 3)
    }

    /// The patching CPU meets the breakpoint itself, after each write of each site.
    @Test(arguments: 1...6)
    func theLeaderFinishesASiteItMeets(_ when: Int) {
      FakeGuest.reset(.native)
      var writes = 0
      var met = 0
      FakeGuest.onWrite = { address in
        writes += 1
        let site = address & ~15
        guard writes == when, FakeGuest.get(1, site) == Form.breakpoint else { return }
        met += 1
        #expect(LockStep<FakeGuest>.meet(site) == .retry)
        #expect(
          FakeGuest.get(5, site)
            == FakeGuestSites().form(of: site == 0x800 ? 0 : 1, as: .paravirtual)?.bytes)
      }
      #expect(run(.paravirtual).failure == nil)
      #expect(met == (when % 3 == 0 ? 0 : 1))
      #expect(FakeGuest.isIn(.paravirtual))
    }

    /// The leader has to wait in a context nested over it: the work is finished there, all go on, and
    /// what the interrupted code then does changes nothing any more.
    @Test(arguments: 0...6)
    func theWorkCanBeFinishedFromANestedContext(_ when: Int) {
      FakeGuest.reset(.native)
      var writes = 0
      let work = StopMachineWork<FakeGuest>(
        batch([(.unlock, .paravirtual)]), in: SwitchState(.native), deadline: 1_000_000)
      FakeGuest.onWrite = { _ in
        writes += 1
        guard writes == when else { return }
        #expect(work.lead().failure == nil)
        LockStep<FakeGuest>.letGo()
      }
      #expect(run(.paravirtual).failure == nil)
      #expect(FakeGuest.isIn(.paravirtual))
    }

    /// A gathered CPU that meets the breakpoint acknowledges until the site is whole.
    @Test func aFollowerJoinsAtABreakpoint() {
      FakeGuest.reset(.native)
      FakeGuest.text = .writing
      let first = LockStep<FakeGuest>.begin(until: 1_000_000)
      FakeGuest.store(first, to: unsafe Location(address: 0x540), .relaxed)
      FakeGuest.put(0xcc, 1, 0x800)
      var looks = 0
      FakeGuest.onRelax = {
        looks += 1
        if looks == 3 { FakeGuest.put(0x40, 1, 0x800) }
      }
      #expect(FakeGuest.on(1) { LockStep<FakeGuest>.meet(0x800) } == .retry)
      #expect(looks == 3)
      #expect(FakeGuest.load(unsafe Location<UInt64>(address: 0x508), .relaxed) == first)
      LockStep<FakeGuest>.letGo()
      FakeGuest.put(0xcc, 1, 0x800)
      #expect(FakeGuest.on(1) { LockStep<FakeGuest>.meet(0x800) } == .emulate)
    }

    /// Should the leader be gone, nobody is held beyond the deadline.
    @Test func aFollowerGoesOnWhenTheTimeIsOver() {
      FakeGuest.reset(.native)
      let first = LockStep<FakeGuest>.begin(until: 5_000)
      FakeGuest.store(first, to: unsafe Location(address: 0x540), .relaxed)
      FakeGuest.on(1) { LockStep<FakeGuest>.follow() }
      #expect(LockStep<FakeGuest>.hasGivenUp)
    }
  }
}
