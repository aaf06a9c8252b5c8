import CodePatching
import LockPlatform
import LockSwitching

/// Two sites of unlock and, in a kernel, two of slow path and one of each other operation.
struct FakeGuestSites: SiteTable {
  var count: Int { FakeGuest.isKernel ? 7 : 2 }

  func site(_ index: Int) -> (address: UInt, operation: LockOperation) {
    let operations: [LockOperation] = [
      .unlock, .unlock, .slowPath, .slowPath, .wait, .kick, .vcpuIsPreempted,
    ]
    return (0x800 + UInt(index) * 16, operations[index])
  }

  func form(of index: Int, as implementation: Implementation) -> Form? {
    let (site, operation) = site(index)
    switch operation {
    case .unlock:
      return switch implementation {
      case .native: ProgramUnlockForms.native
      case .paravirtual: ProgramUnlockForms.paravirtual(site: site, stub: 0x8000 + site)
      case .testAndSet, .gate: nil
      }
    case .slowPath, .wait, .kick:
      return .call(
        from: site,
        to: 0x9000 + UInt(implementation.rawValue) * 256 + UInt(operation.rawValue) * 4096)
    case .vcpuIsPreempted: return Form(bytes: 0x1f0f_c031_48, count: 6)
    }
  }
}

extension FakeGuest {
  /// The implementation whose form a site holds; nil behind a breakpoint.
  static func held(_ index: Int) -> Implementation? {
    [.native, .paravirtual, .testAndSet, .gate].first { one in
      FakeGuestSites().form(of: index, as: one).map {
        get($0.count, FakeGuestSites().site(index).address) == $0.bytes
      } ?? false
    }
  }

  /// Looks whether what can be executed now can be mixed.
  ///
  /// While all CPUs of a kernel are gathered none executes a site.
  static func checkMixture() {
    let entered = Implementation(rawValue: UInt8(load(slowPath, .relaxed))) ?? .gate
    if isStopped { return }
    // Slow paths are known to be left when the set changes.
    if isCounted, (0..<cpus).allSatisfy({ load(mark(of: $0), .relaxed) == 0 }) { occupied = .none }
    var unlocks = Implementations.none
    var helpers: [Implementation] = isKernel ? [] : [table[2], table[3]]
    // In a kernel the gate and what is emulated lead there, sites do not.
    var entries = isKernel ? Implementations.none : Implementations(entered)
    for index in 0..<FakeGuestSites().count {
      let operation = FakeGuestSites().site(index).operation
      guard let one = held(index) else {
        if operation == .slowPath, isCounted { entries = entries.with(entered) }
        continue
      }
      switch operation {
      case .unlock: unlocks = unlocks.with(one)
      case .slowPath: entries = entries.with(one).with(one == .gate ? entered : one)
      case .wait, .kick: helpers.append(one)
      case .vcpuIsPreempted: break
      }
    }
    occupied = occupied.union(entries).without(.gate)
    let isSound =
      Mixture(slowPaths: occupied, unlocks: unlocks).isSound
      && (!occupied.contains(.paravirtual) || helpers.allSatisfy { $0 == .paravirtual })
    wasUnsound = wasUnsound || !isSound
  }

  static func isGranted() -> Bool {
    guard budget > 0 else {
      refusals -= 1
      if refusals <= 0 { budget = .max }
      return false
    }
    budget -= 1
    return true
  }
}

extension FakeGuest: AtomicMemory {
  static func load<Word>(_ location: Location<Word>, _: LoadOrdering) -> Word {
    Word(truncatingIfNeeded: get(Word.bitWidth / 8, location.address))
  }
  static func store<Word>(_ value: Word, to location: Location<Word>, _: StoreOrdering) {
    put(UInt64(value), Word.bitWidth / 8, location.address)
  }
  static func exchange<Word>(
    _ value: Word, at location: Location<Word>, _: UpdateOrdering
  ) -> Word {
    let before = load(location, .relaxed)
    store(value, to: location, .relaxed)
    return before
  }
  static func compareExchange<Word>(
    _ location: Location<Word>, expected: Word, desired: Word, _: UpdateOrdering
  ) -> Word {
    let before = load(location, .relaxed)
    if before == expected { store(desired, to: location, .relaxed) }
    return before
  }
  static func fetchOr<Word>(_ bits: Word, at location: Location<Word>, _: UpdateOrdering) -> Word {
    exchange(load(location, .relaxed) | bits, at: location, .relaxed)
  }
  static func compilerBarrier() {}
  static func pause(_: UInt32) {}
}

extension FakeGuest: CodeMemory {
  static func loadCode(_ address: UInt, count: Int) -> UInt64 { get(count, address) }
  static func storeCodeWord(_ word: UInt64, at address: UInt) -> Bool {
    storeCode(word, count: 8, at: address)
  }
  static func storeCode(_ bytes: UInt64, count: Int, at address: UInt) -> Bool {
    precondition(text == .writing)
    guard isGranted() else { return false }
    put(bytes, count, address)
    checkMixture()
    onWrite(address)
    return true
  }
  static func serializeCores() -> Bool {
    guard isGranted() else { return false }
    for cpu in 0..<Int(cpus) { serializations[cpu] += 1 }
    return true
  }
}

extension FakeGuest: SwitchMachine {
  typealias Code = FakeGuest

  static func word(_ address: UInt) -> Location<UInt32> { unsafe Location(address: address) }
  static var mark: Location<UInt32>? { mark(of: current) }
  static var slowPath: Location<UInt32> { word(0x100) }
  static var counting: Location<UInt32> { word(0x104) }
  static var references: UInt? { references(of: current) }
  static var cpuEnd: UInt32 { cpus }
  static func mark(of cpu: UInt32) -> Location<UInt32> { word(0x200 + UInt(cpu) * 4) }
  static func references(of cpu: UInt32) -> UInt { 0x300 + UInt(cpu) * 64 }
  static func yield(_: UInt32) {}
  static func noteStall(_: UInt64) {}

  static var lockStepArea: UInt { 0x400 }
  private static func acknowledged(_ cpu: UInt32) -> Location<UInt64> {
    unsafe Location(address: 0x500 + UInt(cpu) * 8)
  }
  static var gathered: GatheredCPU? {
    current == 0
      ? nil
      : GatheredCPU(
        acknowledgement: acknowledged(current),
        state: load(unsafe Location(address: 0x540), .relaxed))
  }
  static var isLeader: Bool { current == 0 }
  static func haveAcknowledged(_ state: UInt64) -> Bool {
    for cpu in 1..<cpus where !stuck.contains(cpu) { on(cpu) { LockStep<FakeGuest>.answer() } }
    return (1..<cpus).allSatisfy { load(acknowledged($0), .relaxed) == state }
  }
  static var straggler: Int32 { Int32(stuck.first ?? 0) }
  static func serializeThisCore() { serializations[Int(current)] += 1 }
  static func relax(_: UInt32) {
    clock += 10
    onRelax()
  }
  static var nanoseconds: UInt64 { clock }
}
