import CodePatching
import LockPlatform
import ModelChecker

/// The patcher's side of the sites.
enum ModelCode: CodeMemory {
  static func loadCode(_ address: UInt, count: Int) -> UInt64 {
    let site = CodeWord(at: address)
    let offset = UInt64(address &- site.address)
    var word = Simulated.load(site.word, .relaxed) >> (offset &* 8)
    if count > 1, isAltered(site) { word ^= 0x55_0000_0055 }
    return count >= 8 ? word : word & ((1 << (UInt64(count) &* 8)) &- 1)
  }

  /// Whether somebody else has changed a site: what others execute there is not modelled.
  private static func isAltered(_ site: CodeWord) -> Bool {
    ModelSettings.current.failures > 0 && ModelSettings.current.mutation != .alteredNotSeen
      && ModelMachine.isSwitcher && Simulated.load(ModelMemory.altered, .relaxed) != 0
      && site.address == (ModelSettings.current.isKernel ? CodeWord.slowPath : .unlock).address
  }

  /// Whether a store is refused.
  private static func isRefused() -> Bool {
    if Simulated.load(ModelMemory.altered, .relaxed) != 0 {
      Simulated.fail("writes text that somebody else has changed")
    }
    return ModelFailures.occurs()
  }

  static func storeCodeWord(_ word: UInt64, at address: UInt) -> Bool {
    if isRefused() { return ModelSettings.current.mutation == .refusedStoreIgnored }
    let site = CodeWord(at: address)
    if ModelSettings.current.mutation == .storesCodeInHalves {
      let low = word & 0xffff
      site.put(Simulated.load(site.word, .relaxed) & ~0xffff | low)
    }
    site.put(word)
    return true
  }

  static func storeCode(_ bytes: UInt64, count: Int, at address: UInt) -> Bool {
    if isRefused() { return ModelSettings.current.mutation == .refusedStoreIgnored }
    let first = CodeWord(at: address).address
    let isFirst = address == first
    let isBreakpoint = isFirst && bytes == Form.breakpoint
    switch ModelSettings.current.mutation {
    case .noBreakpoint where isBreakpoint: return true
    case .tailFirst where isBreakpoint: return true
    case .tailFirst where !isFirst:
      _ = write(bytes, count, address)
      return write(Form.breakpoint, 1, first)
    default: return write(bytes, count, address)
    }
  }

  private static func write(_ bytes: UInt64, _ count: Int, _ address: UInt) -> Bool {
    let site = CodeWord(at: address)
    let shift = UInt64(address &- site.address) &* 8
    let mask = ((1 << (UInt64(count) &* 8)) &- 1) as UInt64
    site.put(
      Simulated.load(site.word, .relaxed) & ~(mask << shift) | (bytes & mask) << shift)
    return true
  }

  /// One CPU after the other, always in the same order: whoever serialized out of turn, earlier,
  /// could only fetch less.
  static func serializeCores() -> Bool {
    if ModelFailures.occurs(endsPhase: true) {
      return ModelSettings.current.mutation == .refusedSerializationIgnored
    }
    if case .noSerialization(let left)? = ModelSettings.current.mutation {
      let number = Simulated.load(ModelMemory.serializations, .relaxed)
      Simulated.store(number &+ 1, to: ModelMemory.serializations, .relaxed)
      if left == Int(number) { return true }
    }
    if ModelSettings.current.mutation == .noSerializationAfterLockStep,
      ModelSettings.current.switchProtocol == .stopMachine,
      Simulated.load(ModelMemory.leading, .relaxed) == 2
    {
      return true
    }
    if ModelSettings.current.hasStoreBuffers {
      Simulated.fence()
      for cpu in 0..<ModelSettings.current.cpus {
        if cpu != Simulated.cpu { Simulated.barrier(on: cpu) }
        CodeWord.serializeAll(cpu)
      }
    } else {
      // All at once, some time after the store: who serialized earlier could only fetch less.
      Simulated.step()
      for cpu in 0..<ModelSettings.current.cpus { CodeWord.serializeAll(cpu) }
    }
    for index in 0..<CodeWord.count { CodeWord(index: index).forgetVersions() }
    return true
  }

  /// membarrier: every CPU executes a full barrier; the caller's comes before the others'.
  static func barrierOnAll() {
    guard ModelSettings.current.hasStoreBuffers else { return }
    Simulated.fence()
    for cpu in 0..<ModelSettings.current.cpus where cpu != Simulated.cpu {
      Simulated.barrier(on: cpu)
    }
  }
}
