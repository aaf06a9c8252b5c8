import CodePatching
import KernelServices
import LockPlatform
import Synchronization

/// The kernel's text, changed with its own `text_poke`, or through a mapping of our own while all
/// CPUs are gathered.
///
/// The text lock is held around every poke.
enum KernelMemory: CodeMemory {
  static func loadCode(_ address: UInt, count: Int) -> UInt64 {
    var bytes: UInt64 = 0
    // A site's text is mapped; if it should not be, 0 is no form of ours and the site is refused.
    _ = unsafe readCode(&bytes, address, UInt(count))
    return bytes
  }

  static func storeCodeWord(_ word: UInt64, at address: UInt) -> Bool {
    // Sites of a kernel are not aligned; only breakpoints change them.
    false
  }

  static func storeCode(_ bytes: UInt64, count: Int, at address: UInt) -> Bool {
    if let mapping = unsafe Gathering.mapping {
      return mapping.store(bytes, count: count, at: address)
    }
    writeCode(address, bytes, UInt(count))
    return true
  }

  static func serializeCores() -> Bool {
    if unsafe Gathering.mapping != nil {
      serializeByNMI()
      return true
    }
    serialize()
    if unsafe Transit.mustPassTasks {
      unsafe Transit.mustPassTasks = false
      waitForTasks()
    }
    return true
  }
}

/// A 64-bit word of the module's own that several CPUs use.
@safe struct SharedWord: ~Copyable {
  private let word: Atomic<UInt64>

  init(_ value: UInt64) { word = Atomic(value) }

  var value: UInt64 {
    get { word.load(ordering: .acquiring) }
  }

  func set(_ value: UInt64) { word.store(value, ordering: .releasing) }

  func add(_ amount: UInt64) { word.wrappingAdd(amount, ordering: .relaxed) }

  /// Makes it at least so great.
  func raise(to value: UInt64) { _ = word.max(value, ordering: .relaxed) }
}

/// The locked byte of a lock, or a byte of code, in memory of the kernel's.
@safe struct SharedByte: ~Copyable {
  private let byte: Atomic<UInt8>

  /// The native unlock: one releasing store.
  func release() { set(0) }

  func set(_ value: UInt8) { byte.store(value, ordering: .releasing) }
}
