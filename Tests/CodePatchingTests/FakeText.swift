import CodePatching
import LockPlatform

/// Code that is an array, checks every state it goes through, and refuses writes on demand.
///
/// Static, because platforms are; the suites that use it are serialized.
enum FakeText: CodeMemory {
  static let base: UInt = 0x1000
  nonisolated(unsafe) static var bytes: [UInt8] = []
  /// How many writes and serializations are still granted.
  nonisolated(unsafe) static var budget = Int.max
  /// Which may be refused once the budget is used up: once, or for good.
  nonisolated(unsafe) static var refusesOnce = true
  /// Called after every write.
  nonisolated(unsafe) static var check: () -> Void = {}
  nonisolated(unsafe) static var serializations = 0

  private static func grant() -> Bool {
    if budget > 0 {
      budget -= 1
      return true
    }
    if refusesOnce { budget = .max }
    return false
  }

  static func loadCode(_ address: UInt, count: Int) -> UInt64 {
    (0..<count).reduce(0) { $0 | UInt64(bytes[Int(address - base) + $1]) << (8 * UInt64($1)) }
  }

  static func storeCodeWord(_ word: UInt64, at address: UInt) -> Bool {
    precondition(address % 8 == 0)
    return storeCode(word, count: 8, at: address)
  }

  static func storeCode(_ word: UInt64, count: Int, at address: UInt) -> Bool {
    guard grant() else { return false }
    for index in 0..<count {
      bytes[Int(address - base) + index] = UInt8(truncatingIfNeeded: word >> (8 * UInt64(index)))
    }
    check()
    return true
  }

  static func serializeCores() -> Bool {
    serializations += 1
    return grant()
  }
}

/// Unlock sites in the fake text, each with a stub of its own.
struct FakeSites: SiteTable {
  var addresses: [UInt]

  var count: Int { addresses.count }

  func site(_ index: Int) -> (address: UInt, operation: LockOperation) {
    (addresses[index], .unlock)
  }

  func form(of index: Int, as implementation: Implementation) -> Form? {
    switch implementation {
    case .native: ProgramUnlockForms.native
    case .paravirtual:
      ProgramUnlockForms.paravirtual(
        site: addresses[index], stub: 0x9000 + 0x1111 * UInt(index))
    case .testAndSet, .gate: nil
    }
  }

  /// Fills the text with something else and the sites with a form each.
  func lay(as implementation: Implementation) {
    FakeText.bytes = (0..<256).map { UInt8($0) | 0x80 }
    FakeText.budget = .max
    FakeText.refusesOnce = true
    FakeText.check = {}
    FakeText.serializations = 0
    for index in 0..<count {
      guard let form = form(of: index, as: implementation) else { continue }
      for offset in 0..<form.count {
        FakeText.bytes[Int(addresses[index] - FakeText.base) + offset] =
          UInt8(truncatingIfNeeded: form.bytes >> (8 * UInt64(offset)))
      }
    }
  }

  func holds(_ implementation: Implementation) -> Bool {
    (0..<count).allSatisfy { index in
      form(of: index, as: implementation)
        == Form(bytes: FakeText.loadCode(addresses[index], count: 5), count: 5)
    }
  }
}
