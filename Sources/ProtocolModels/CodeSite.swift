import CodePatching
import LockPlatform
import ModelChecker
import QueuedSpinlocks

/// The model's one unlock site, as a site table.
struct ModelSites: SiteTable {
  var count: Int { 1 }

  func site(_: Int) -> (address: UInt, operation: LockOperation) { (Place.site.address, .unlock) }

  func form(of _: Int, as implementation: Implementation) -> Form? {
    Self.form(implementation, Setting.current.mutation)
  }

  static func form(_ implementation: Implementation, _ mutation: Mutation?) -> Form? {
    switch implementation {
    case .native:
      mutation == .twoInstructions
        ? CodeSite.twoInstructions : ProgramUnlockForms.native
    case .paravirtual:
      ProgramUnlockForms.paravirtual(
        site: Place.site.address, stub: Place.site.address &+ 0x1111)
    case .testAndSet, .gate: nil
    }
  }
}

/// Code as memory: what a CPU fetches from the site while it is being changed.
///
/// Until a CPU has serialized it may fetch any of the versions since, each byte by itself. An
/// aligned 8-byte store is fetched whole: an assumption (AMD APM vol. 2 7.6.1; not documented by
/// Intel), see `Setting.wordStoresAreWhole`.
enum CodeSite {
  /// Fetches and executes the site, with the lock as its operand.
  @inline(never)
  static func unlock(_ lock: LockWord, _ cpu: UInt32) {
    while true {
      // Fetching is where others may come between; what is fetched executes before anybody can
      // make this CPU serialize, since an interrupt comes between two instructions.
      _ = Simulated.load(Place.site, .relaxed)
      Simulated.fuse(true)
      let bytes = fetch(cpu)
      Simulated.note("fetches", bytes)
      if bytes == twoInstructions.bytes {
        NativeQueue<ModelMachine>.unlock(lock)
        Simulated.fuse(false)
        return executeSecondInstruction(cpu)
      }
      if bytes == ProgramUnlockForms.native.bytes {
        NativeQueue<ModelMachine>.unlock(lock)
        return Simulated.fuse(false)
      }
      Simulated.fuse(false)
      if bytes == ModelSites().form(of: 0, as: .paravirtual)?.bytes {
        return ParavirtualQueue<ModelMachine>.unlock(lock)
      }
      guard bytes & 0xff == Form.breakpoint else {
        return Simulated.fail("executes bytes that are no form")
      }
      if trap(lock, cpu) { return }
    }
  }

  /// The handler of a breakpoint, as a program has it; true if the operation was emulated.
  @inline(never)
  private static func trap(_ lock: LockWord, _ cpu: UInt32) -> Bool {
    // Returning from a handler serializes (Intel SDM vol. 3A 9.3, IRET).
    defer { serialize(cpu) }
    switch BreakpointHit.resolve(Place.site.address, ModelSites(), ModelCode.self) {
    case .notOurs:
      Simulated.fail("a breakpoint at a site is not known")
      return true
    case .retry: return false
    case .emulate:
      switch Setting.current.mutation {
      case .emulatesNothing: break
      case .emulatesNative: NativeQueue<ModelMachine>.unlock(lock)
      default:
        // Sound beside every slow path, whatever the poke leads to.
        ParavirtualQueue<ModelMachine>.unlock(lock)
      }
      if Setting.current.mutation == .resumesInside {
        Simulated.fail("goes on in the middle of a form")
      }
      return true
    }
  }

  /// `movb $0, (%rdi)`, and a no-operation of two bytes.
  static var twoInstructions: Form { Form(bytes: 0x90_6600_07c6, count: 5) }

  /// The no-operation, if the site still holds it when the CPU comes to it.
  private static func executeSecondInstruction(_ cpu: UInt32) {
    _ = Simulated.load(Place.site, .relaxed)
    let bytes = fetch(cpu)
    Simulated.note("fetches behind the first instruction", bytes >> 24)
    if bytes >> 24 != twoInstructions.bytes >> 24 {
      Simulated.fail("goes on in the middle of a form")
    }
  }

  /// What this CPU fetches: all possibilities are explored.
  private static func fetch(_ cpu: UInt32) -> UInt64 {
    let oldest = Simulated.load(Place.view(cpu), .relaxed)
    let count = Simulated.load(Place.versions, .relaxed)
    if oldest &+ 1 >= count { return form(Simulated.load(Place.version(count &- 1), .relaxed)) }
    if Setting.current.request.method == .store, Setting.current.wordStoresAreWhole {
      let version = oldest &+ Simulated.choose(count &- oldest)
      return form(Simulated.load(Place.version(version), .relaxed))
    }
    var bytes: UInt64 = 0
    for place: UInt64 in 0..<5 { bytes |= byte(place, oldest, count) << (place &* 8) }
    return bytes
  }

  /// One byte, of any version in which it is different.
  private static func byte(_ place: UInt64, _ oldest: UInt64, _ count: UInt64) -> UInt64 {
    var different: UInt64 = 0
    for version in oldest..<count where isNew(place, oldest, version) { different &+= 1 }
    var pick = different > 1 ? Simulated.choose(different) : 0
    for version in oldest..<count where isNew(place, oldest, version) {
      if pick == 0 { return content(place, version) }
      pick &-= 1
    }
    return 0
  }

  private static func isNew(_ place: UInt64, _ oldest: UInt64, _ version: UInt64) -> Bool {
    for earlier in oldest..<version where content(place, earlier) == content(place, version) {
      return false
    }
    return true
  }

  private static func content(_ place: UInt64, _ version: UInt64) -> UInt64 {
    Simulated.load(Place.version(version), .relaxed) >> (place &* 8) & 0xff
  }

  private static func form(_ word: UInt64) -> UInt64 { word & 0xff_ffff_ffff }

  /// From here on this CPU fetches what is there now.
  static func serialize(_ cpu: UInt32) {
    Simulated.store(
      Simulated.load(Place.versions, .relaxed) &- 1, to: Place.view(cpu), .relaxed)
  }
}

/// The patcher's side of the site.
enum ModelCode: CodeMemory {
  static func loadCode(_ address: UInt, count: Int) -> UInt64 {
    let offset = UInt64(address &- Place.site.address)
    let word = Simulated.load(Place.site, .relaxed) >> (offset &* 8)
    return count >= 8 ? word : word & ((1 << (UInt64(count) &* 8)) &- 1)
  }

  static func storeCodeWord(_ word: UInt64, at address: UInt) -> Bool {
    if Setting.current.mutation == .storesCodeInHalves {
      let low = word & 0xffff
      put(Simulated.load(Place.site, .relaxed) & ~0xffff | low)
    }
    put(word)
    return true
  }

  private static func put(_ word: UInt64) {
    // An exchange, though it is a store: a store that lingers in a buffer is one that came later,
    // because nothing follows it but further stores to code and the serialization.
    _ = Simulated.exchange(word, at: Place.site, .sequentiallyConsistent)
    let count = Simulated.load(Place.versions, .relaxed)
    Simulated.expect(count < Place.maximumVersions, "the model has room for no more versions")
    Simulated.store(word, to: Place.version(count), .relaxed)
    Simulated.store(count &+ 1, to: Place.versions, .relaxed)
  }

  static func storeCode(_ bytes: UInt64, count: Int, at address: UInt) -> Bool {
    let isFirst = address == Place.site.address
    let isBreakpoint = isFirst && bytes == Form.breakpoint
    switch Setting.current.mutation {
    case .noBreakpoint where isBreakpoint: return true
    case .tailFirst where isBreakpoint: return true
    case .tailFirst where !isFirst:
      _ = write(bytes, count, address)
      return write(Form.breakpoint, 1, Place.site.address)
    default: return write(bytes, count, address)
    }
  }

  private static func write(_ bytes: UInt64, _ count: Int, _ address: UInt) -> Bool {
    let shift = UInt64(address &- Place.site.address) &* 8
    let mask = ((1 << (UInt64(count) &* 8)) &- 1) as UInt64
    let word = Simulated.load(Place.site, .relaxed) & ~(mask << shift) | (bytes & mask) << shift
    put(word)
    return true
  }

  /// One CPU after the other, always in the same order: whoever serialized out of turn, earlier,
  /// could only fetch less.
  static func serializeCores() -> Bool {
    let number = Simulated.load(Place.serializations, .relaxed)
    Simulated.store(number &+ 1, to: Place.serializations, .relaxed)
    if case .noSerialization(let left)? = Setting.current.mutation, left == Int(number) {
      return true
    }
    Simulated.fence()
    for cpu in 0..<Setting.current.cpus {
      if cpu != Simulated.cpu { Simulated.barrier(on: cpu) }
      CodeSite.serialize(cpu)
    }
    // All fetch the last version now: the others can be forgotten.
    let last = Simulated.load(Place.versions, .relaxed) &- 1
    Simulated.store(
      Simulated.load(Place.version(last), .relaxed), to: Place.version(0), .relaxed)
    for version in 1..<max(last &+ 1, 1) {
      Simulated.store(0, to: Place.version(version), .relaxed)
    }
    Simulated.store(1, to: Place.versions, .relaxed)
    for cpu in 0..<Setting.current.cpus { Simulated.store(0, to: Place.view(cpu), .relaxed) }
    return true
  }

  /// membarrier: every CPU executes a full barrier; the caller's comes before the others'.
  static func barrierOnAll() {
    Simulated.fence()
    for cpu in 0..<Setting.current.cpus where cpu != Simulated.cpu { Simulated.barrier(on: cpu) }
  }
}
