import CodePatching
import LockPlatform
import ModelChecker

/// The patcher's side of the sites.
enum ModelCode: CodeMemory {
  static func loadCode(_ address: UInt, count: Int) -> UInt64 {
    let site = CodeWord(at: address)
    let offset = UInt64(address &- site.address)
    let word = Simulated.load(site.word, .relaxed) >> (offset &* 8)
    return count >= 8 ? word : word & ((1 << (UInt64(count) &* 8)) &- 1)
  }

  static func storeCodeWord(_ word: UInt64, at address: UInt) -> Bool {
    let site = CodeWord(at: address)
    if Setting.current.mutation == .storesCodeInHalves {
      let low = word & 0xffff
      site.put(Simulated.load(site.word, .relaxed) & ~0xffff | low)
    }
    site.put(word)
    return true
  }

  static func storeCode(_ bytes: UInt64, count: Int, at address: UInt) -> Bool {
    let first = CodeWord(at: address).address
    let isFirst = address == first
    let isBreakpoint = isFirst && bytes == Form.breakpoint
    switch Setting.current.mutation {
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
    let number = Simulated.load(Place.serializations, .relaxed)
    Simulated.store(number &+ 1, to: Place.serializations, .relaxed)
    if case .noSerialization(let left)? = Setting.current.mutation, left == Int(number) {
      return true
    }
    Simulated.fence()
    for cpu in 0..<Setting.current.cpus {
      if cpu != Simulated.cpu { Simulated.barrier(on: cpu) }
      CodeWord.serializeAll(cpu)
    }
    for index in 0..<CodeWord.count { CodeWord(index: index).forgetVersions() }
    return true
  }

  /// membarrier: every CPU executes a full barrier; the caller's comes before the others'.
  static func barrierOnAll() {
    Simulated.fence()
    for cpu in 0..<Setting.current.cpus where cpu != Simulated.cpu { Simulated.barrier(on: cpu) }
  }
}
