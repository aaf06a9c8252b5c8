import CodePatching
import LockPlatform
import Testing

@Suite(.serialized) struct PokeTests {
  let sites = FakeSites(addresses: [0x1000, 0x100b, 0x1013, 0x1023])

  @Test(arguments: [PokeMethod.store, .breakpoint])
  func changesEverySiteAndNothingElse(_ method: PokeMethod) throws {
    sites.lay(as: .native)
    let before = FakeText.bytes
    let count = try Poke<FakeText>.poke(
      sites, .unlock, from: .native, to: .paravirtual, by: method)
    #expect(count == 4)
    #expect(sites.holds(.paravirtual))
    _ = try Poke<FakeText>.poke(sites, .unlock, from: .paravirtual, to: .native, by: method)
    #expect(FakeText.bytes == before)
  }

  /// A CPU may execute a site between any two writes: it must find a whole form, or a breakpoint.
  @Test(arguments: [PokeMethod.store, .breakpoint])
  func everyStateOnTheWayIsExecutable(_ method: PokeMethod) throws {
    sites.lay(as: .native)
    FakeText.check = {
      for index in 0..<sites.count {
        let bytes = FakeText.loadCode(sites.addresses[index], count: 5)
        let whole = [Implementation.native, .paravirtual].contains {
          sites.form(of: index, as: $0)?.bytes == bytes
        }
        #expect(whole || bytes & 0xff == Form.breakpoint)
      }
    }
    _ = try Poke<FakeText>.poke(sites, .unlock, from: .native, to: .paravirtual, by: method)
  }

  /// A CPU that fetched a site before a phase may finish with what it fetched: each of the three
  /// phases needs a serialization of its own, the store method one.
  @Test func serializesAfterEachPhase() throws {
    sites.lay(as: .native)
    _ = try Poke<FakeText>.poke(sites, .unlock, from: .native, to: .paravirtual, by: .breakpoint)
    #expect(FakeText.serializations == 3)
    sites.lay(as: .native)
    _ = try Poke<FakeText>.poke(sites, .unlock, from: .native, to: .paravirtual, by: .store)
    #expect(FakeText.serializations == 1)
  }

  /// Whichever write or serialization is refused, everything is put back.
  @Test(arguments: [PokeMethod.store, .breakpoint])
  func putsBackWhatARefusalInterrupts(_ method: PokeMethod) throws {
    var refusals = 0
    for budget in 0... {
      sites.lay(as: .native)
      let before = FakeText.bytes
      FakeText.budget = budget
      do {
        _ = try Poke<FakeText>.poke(sites, .unlock, from: .native, to: .paravirtual, by: method)
        break
      } catch {
        refusals += 1
        #expect(FakeText.bytes == before, "refused after \(budget) writes")
      }
    }
    // Four sites and their serializations: 4 + 1, 3 x (4 + 1).
    #expect(refusals == (method == .store ? 5 : 15))
    #expect(sites.holds(.paravirtual))
  }

  @Test func saysWhenItCannotPutBack() {
    sites.lay(as: .native)
    FakeText.budget = 2
    FakeText.refusesOnce = false
    #expect(throws: PatchError.undoRefused(site: 0x1000)) {
      try Poke<FakeText>.poke(sites, .unlock, from: .native, to: .paravirtual, by: .store)
    }
  }

  @Test(arguments: [PokeMethod.store, .breakpoint])
  func refusesASurpriseBeforeTheFirstWrite(_ method: PokeMethod) {
    sites.lay(as: .native)
    FakeText.bytes[0x24] = 0xcc
    let before = FakeText.bytes
    #expect(
      throws: PatchError.unknownBytes(site: 0x1023, found: 0x00_0047_cc40, expected: 0x00_0047_c640)
    ) {
      try Poke<FakeText>.poke(sites, .unlock, from: .native, to: .paravirtual, by: method)
    }
    #expect(FakeText.bytes == before)
  }

  @Test func refusesToStoreAcrossAWord() {
    let crossing = FakeSites(addresses: [0x1000, 0x100c])
    crossing.lay(as: .native)
    #expect(throws: PatchError.straddles(site: 0x100c)) {
      try Poke<FakeText>.poke(crossing, .unlock, from: .native, to: .paravirtual, by: .store)
    }
    #expect(crossing.holds(.native))
  }

  @Test func refusesAnOperationWithoutSites() {
    sites.lay(as: .native)
    #expect(throws: PatchError.noSites) {
      try Poke<FakeText>.poke(sites, .kick, from: .native, to: .paravirtual, by: .store)
    }
  }

  @Test func aJumpOutOfReachIsNoForm() {
    #expect(Form.jump(from: 0x1000, to: 0x1_0000_0000_0000) == nil)
    #expect(Form.jump(from: 0x1000, to: 0x1005)?.bytes == 0xe9)
    #expect(Form.jump(from: 0x2000, to: 0x1000)?.bytes == 0xff_ffef_fbe9)
  }

  @Test func resolvesBreakpoints() {
    sites.lay(as: .native)
    let resolve = { BreakpointHit.resolve($0, sites, FakeText.self) }
    #expect(resolve(0x100b) == .retry)
    FakeText.bytes[0x0b] = 0xcc
    #expect(resolve(0x100b) == .emulate(.unlock, resumeAt: 0x1010))
    #expect(resolve(0x100c) == .notOurs)
    #expect(resolve(0x0fff) == .notOurs)
    #expect(resolve(0x1024) == .notOurs)
  }
}
