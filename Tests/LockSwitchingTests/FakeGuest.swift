import CodePatching
import LockPlatform
import LockSwitching

/// A system of four CPUs, all played by the test's one thread, whose text is an array.
///
/// CPU 0 switches. The others do something whenever CPU 0 waits for them. Static, because platforms
/// are; the suites that use it are serialized.
enum FakeGuest {
  static let cpus: UInt32 = 4
  /// Whether it is like a kernel: slow paths are text, and nobody is gathered inside one.
  nonisolated(unsafe) static var isKernel = false
  /// The CPU that executes.
  nonisolated(unsafe) static var current: UInt32 = 0
  nonisolated(unsafe) static var clock: UInt64 = 0
  nonisolated(unsafe) static var memory: [UInt8] = []
  nonisolated(unsafe) static var table: [Implementation] = []
  nonisolated(unsafe) static var textIsOpen = false
  nonisolated(unsafe) static var isCounted = false
  /// CPUs that do not answer.
  nonisolated(unsafe) static var stuck: Set<UInt32> = []
  /// Writes and serializations still granted, and whether one refusal is the last.
  nonisolated(unsafe) static var budget = Int.max
  /// Called after each write of code, with its address.
  nonisolated(unsafe) static var onWrite: (UInt) -> Void = { _ in }
  /// Called whenever CPU 0 waits.
  nonisolated(unsafe) static var onRest: () -> Void = {}
  /// Called whenever a CPU waits in the lock-step.
  nonisolated(unsafe) static var onRelax: () -> Void = {}
  /// How often each CPU has serialized.
  nonisolated(unsafe) static var serializations = [Int](repeating: 0, count: 4)

  static func reset(_ set: LockSet, kernel: Bool = false) {
    isKernel = kernel
    (current, clock, budget) = (0, 0, .max)
    memory = [UInt8](repeating: 0, count: 4096)
    table = [LockOperation.slowPath, .unlock, .wait, .kick, .vcpuIsPreempted].map(
      set.implementation)
    (textIsOpen, isCounted, stuck) = (false, false, [])
    (onWrite, onRest, onRelax) = ({ _ in }, {}, {})
    serializations = [0, 0, 0, 0]
    let sites = FakeGuestSites()
    for index in 0..<sites.count {
      let (address, operation) = sites.site(index)
      guard let form = sites.form(of: index, as: set.implementation(of: operation)) else {
        continue
      }
      put(form.bytes, form.count, address)
    }
    store(UInt32(set.implementation(of: .slowPath).rawValue), to: slowPath, .relaxed)
  }

  /// Whether everything is as a set has it.
  static func isIn(_ set: LockSet) -> Bool {
    let sites = FakeGuestSites()
    return !textIsOpen && !isCounted
      && table == [.slowPath, .unlock, .wait, .kick, .vcpuIsPreempted].map(set.implementation)
      && load(slowPath, .relaxed) == UInt32(set.implementation(of: .slowPath).rawValue)
      && (0..<sites.count).allSatisfy { index in
        let (address, operation) = sites.site(index)
        let form = sites.form(of: index, as: set.implementation(of: operation))
        return form.map { get($0.count, address) == $0.bytes } ?? false
      }
  }

  /// Lets another CPU execute something.
  static func on<Result>(_ cpu: UInt32, _ body: () -> Result) -> Result {
    let before = current
    current = cpu
    defer { current = before }
    return body()
  }

  static func get(_ count: Int, _ address: UInt) -> UInt64 {
    (0..<count).reduce(0) { $0 | UInt64(memory[Int(address) + $1]) << (8 * UInt64($1)) }
  }

  static func put(_ word: UInt64, _ count: Int, _ address: UInt) {
    for index in 0..<count {
      memory[Int(address) + index] = UInt8(truncatingIfNeeded: word >> (8 * UInt64(index)))
    }
  }
}

/// Two sites of unlock and, in a kernel, two of slow path.
struct FakeGuestSites: SiteTable {
  var count: Int { FakeGuest.isKernel ? 4 : 2 }

  func site(_ index: Int) -> (address: UInt, operation: LockOperation) {
    (0x800 + UInt(index) * 16, index < 2 ? .unlock : .slowPath)
  }

  func form(of index: Int, as implementation: Implementation) -> Form? {
    let site = site(index).address
    if index >= 2 { return .call(from: site, to: 0x9000 + UInt(implementation.rawValue) * 256) }
    return implementation == .native
      ? ProgramUnlockForms.native : ProgramUnlockForms.paravirtual(site: site, stub: 0x8000 + site)
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
  private static func isGranted() -> Bool {
    guard budget > 0 else {
      budget = .max
      return false
    }
    budget -= 1
    return true
  }
  static func loadCode(_ address: UInt, count: Int) -> UInt64 { get(count, address) }
  static func storeCodeWord(_ word: UInt64, at address: UInt) -> Bool {
    storeCode(word, count: 8, at: address)
  }
  static func storeCode(_ bytes: UInt64, count: Int, at address: UInt) -> Bool {
    precondition(textIsOpen)
    guard isGranted() else { return false }
    put(bytes, count, address)
    onWrite(address)
    return true
  }
  static func serializeCores() -> Bool {
    guard isGranted() else { return false }
    for cpu in 0..<Int(cpus) { serializations[cpu] += 1 }
    return true
  }
}

extension FakeGuest: ReferenceMachine {
  static func word(_ address: UInt) -> Location<UInt32> { unsafe Location(address: address) }
  static var mark: Location<UInt32>? { mark(of: current) }
  static var slowPath: Location<UInt32> { word(0x100) }
  static var counting: Location<UInt32> { word(0x104) }
  static var references: UInt? { references(of: current) }
  static var cpuEnd: UInt32 { cpus }
  static func mark(of cpu: UInt32) -> Location<UInt32> { word(0x200 + UInt(cpu) * 4) }
  static func references(of cpu: UInt32) -> UInt { 0x300 + UInt(cpu) * 64 }
}

extension FakeGuest: LockStepMachine {
  typealias Code = FakeGuest
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

extension FakeGuest: StopMachineTarget, BarrierTarget {
  typealias Machine = FakeGuest

  static func prepare(_: Plan, _: PokeMethod) throws(SwitchFailure) {}
  static func poke(
    _ operation: LockOperation, from old: Implementation, to new: Implementation, by _: PokeMethod
  ) throws(SwitchFailure) -> UInt32 {
    precondition(table[Int(operation.rawValue)] == old)
    guard isGranted() else { throw .unsupported }
    table[Int(operation.rawValue)] = new
    return 0
  }
  static func beginDrain() {}
  static func isDrained() -> Bool { (0..<cpus).allSatisfy { load(mark(of: $0), .relaxed) == 0 } }
  static func rest() {
    clock += 100
    onRest()
  }
  static func beginMeasuring() {}
  static var measured: (longestHold: UInt64, breakpoints: UInt64) { (42, 5) }

  static func prepareBreakpoints() throws(SwitchFailure) {}
  static func openText() throws(SwitchFailure) { textIsOpen = true }
  static func closeText() { textIsOpen = false }
  static var sites: FakeGuestSites { FakeGuestSites() }
  static func isText(_ operation: LockOperation) -> Bool {
    operation == .unlock || isKernel && operation == .slowPath
  }
  static func enter(_ path: Implementation) {
    store(UInt32(path.rawValue), to: slowPath, .relaxed)
    if !isKernel { table[0] = path }
  }
  static func note(_ operation: LockOperation, holds implementation: Implementation) {
    table[Int(operation.rawValue)] = implementation
    // A kernel's slow path is what its sites hold.
    if operation == .slowPath { store(UInt32(implementation.rawValue), to: slowPath, .relaxed) }
  }

  static var gathersOutsideSlowPaths: Bool { isKernel }
  static func prepareToGather(_: StopMode) throws(SwitchFailure) {}
  static func gather(
    for work: StopMachineWork<FakeGuest>, _: StopMode
  ) throws(SwitchFailure) -> StopMachineOutcome {
    let first = LockStep<FakeGuest>.begin(until: work.deadline)
    store(first, to: unsafe Location(address: 0x540), .relaxed)
    while !haveAcknowledged(first) {
      guard clock < work.deadline else {
        LockStep<FakeGuest>.giveUp()
        throw .notGathered(thread: straggler)
      }
      relax(0)
    }
    defer { LockStep<FakeGuest>.letGo() }
    return work.lead()
  }

  static func fenceEveryCPU() {}
  static func setCounted(_ value: Bool) { isCounted = value }
}
