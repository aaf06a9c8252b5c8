import CodePatching
import LockPlatform
import Testing

/// Pokes of every site of the fake text.
struct FakePokes: PokeList {
  var sites: FakeSites
  var old = Implementation.native
  /// What may be there as well, after a poke that failed.
  var other: Implementation?
  var new = Implementation.paravirtual

  var count: Int { sites.count }

  func poke(_ index: Int) throws(PatchError) -> Poke? {
    guard let old = sites.form(of: index, as: old), let new = sites.form(of: index, as: new) else {
      throw .noForm(site: sites.addresses[index])
    }
    let other = other.flatMap { sites.form(of: index, as: $0) }
    return Poke(
      at: sites.addresses[index], from: old, or: other, mayBeInTransit: other != nil, to: new)
  }

  /// The same after a failure, leading back.
  var back: FakePokes { FakePokes(sites: sites, old: old, other: new, new: old) }
}

@Suite(.serialized) struct PatcherTests {
  let sites = FakeSites(addresses: [0x1000, 0x100b, 0x1013, 0x1023])
  var up: FakePokes { FakePokes(sites: sites) }
  var down: FakePokes { FakePokes(sites: sites, old: .paravirtual, new: .native) }

  @Test(arguments: [PokeMethod.store, .breakpoint])
  func changesEverySiteAndNothingElse(_ method: PokeMethod) throws {
    sites.lay(as: .native)
    let before = FakeText.bytes
    #expect(try Patcher<FakeText>.verify(up, method) == 4)
    try Patcher<FakeText>.poke(up, method)
    #expect(sites.holds(.paravirtual))
    #expect(try Patcher<FakeText>.verify(down, method) == 4)
    try Patcher<FakeText>.poke(down, method)
    #expect(FakeText.bytes == before)
  }

  /// A CPU may execute a site between any two writes: it must find a whole form, or a breakpoint.
  @Test(arguments: [PokeMethod.store, .breakpoint])
  func everyStateOnTheWayIsExecutable(_ method: PokeMethod) throws {
    sites.lay(as: .native)
    FakeText.check = { checkSites() }
    try Patcher<FakeText>.poke(up, method)
  }

  /// A CPU that fetched a site before a phase may finish with what it fetched: each of the three
  /// phases needs a serialization of its own, the store method one, however many sites there are.
  @Test func serializesAfterEachPhase() throws {
    sites.lay(as: .native)
    try Patcher<FakeText>.poke(up, .breakpoint)
    #expect(FakeText.serializations == 3)
    sites.lay(as: .native)
    try Patcher<FakeText>.poke(up, .store)
    #expect(FakeText.serializations == 1)
  }

  /// Whichever write or serialization is refused, the same function leads back from there, again
  /// through what can be executed only.
  @Test(arguments: [PokeMethod.store, .breakpoint], [PokeMethod.store, .breakpoint])
  func leadsBackFromEveryRefusal(_ method: PokeMethod, _ backBy: PokeMethod) throws {
    var refusals = 0
    for budget in 0... {
      sites.lay(as: .native)
      let before = FakeText.bytes
      FakeText.budget = budget
      FakeText.check = { checkSites() }
      do {
        try Patcher<FakeText>.poke(up, method)
        break
      } catch {
        refusals += 1
        #expect(try Patcher<FakeText>.verify(up.back, backBy) == 4)
        try Patcher<FakeText>.poke(up.back, backBy)
        #expect(FakeText.bytes == before, "refused after \(budget) writes")
      }
    }
    // Four sites and their serializations: 4 + 1, 3 x (4 + 1).
    #expect(refusals == (method == .store ? 5 : 15))
    #expect(sites.holds(.paravirtual))
  }

  /// And forward: what was done needs not be done again.
  @Test(arguments: [PokeMethod.store, .breakpoint])
  func goesOnFromEveryRefusal(_ method: PokeMethod) throws {
    for budget in 0..<(method == .store ? 5 : 15) {
      sites.lay(as: .native)
      FakeText.budget = budget
      #expect(throws: PatchError.self) { try Patcher<FakeText>.poke(up, method) }
      try Patcher<FakeText>.poke(up, method)
      #expect(sites.holds(.paravirtual))
    }
  }

  /// Nothing that a failure may have left is a surprise, and everything else is.
  @Test func aBreakpointIsASurpriseUnlessItMayBeOurs() throws {
    sites.lay(as: .native)
    FakeText.bytes[0x23] = 0xcc
    #expect(throws: PatchError.self) { try Patcher<FakeText>.verify(up, .breakpoint) }
    #expect(try Patcher<FakeText>.verify(up.back, .breakpoint) == 4)
    FakeText.bytes[0x23] = 0xcd
    #expect(throws: PatchError.self) { try Patcher<FakeText>.verify(up.back, .breakpoint) }
  }

  @Test(arguments: [PokeMethod.store, .breakpoint])
  func namesASurpriseAndWritesNothing(_ method: PokeMethod) {
    sites.lay(as: .native)
    FakeText.bytes[0x24] = 0xcc
    let before = FakeText.bytes
    #expect(
      throws: PatchError.unknownBytes(site: 0x1023, found: 0x00_0047_cc40, expected: 0x00_0047_c640)
    ) {
      try Patcher<FakeText>.verify(up, method)
    }
    #expect(FakeText.bytes == before)
  }

  @Test func aSiteAcrossAWordCannotBeStored() throws {
    let crossing = FakeSites(addresses: [0x1000, 0x100c])
    crossing.lay(as: .native)
    let list = FakePokes(sites: crossing)
    #expect(throws: PatchError.straddles(site: 0x100c)) {
      try Patcher<FakeText>.verify(list, .store)
    }
    #expect(try Patcher<FakeText>.verify(list, .breakpoint) == 2)
  }

  /// As `barrier` does it: also where old and new are the same.
  @Test func armsEverySiteAndCompletesIt() throws {
    sites.lay(as: .native)
    let same = FakePokes(sites: sites, new: .native)
    try Patcher<FakeText>.arm(same)
    #expect(sites.holds(.native))
    try Patcher<FakeText>.arm(same, everywhere: true)
    for address in sites.addresses {
      #expect(FakeText.loadCode(address, count: 1) == Form.breakpoint)
    }
    try Patcher<FakeText>.complete(same)
    #expect(sites.holds(.native))
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
    #expect(resolve(0x100b) == .emulate(.unlock))
    #expect(resolve(0x100c) == .notOurs)
    #expect(resolve(0x0fff) == .notOurs)
    #expect(resolve(0x1024) == .notOurs)
  }

  private func checkSites() {
    for index in 0..<sites.count {
      let bytes = FakeText.loadCode(sites.addresses[index], count: 5)
      let whole = [Implementation.native, .paravirtual].contains {
        sites.form(of: index, as: $0)?.bytes == bytes
      }
      #expect(whole || bytes & 0xff == Form.breakpoint)
    }
  }
}
