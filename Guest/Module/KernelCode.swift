import CodePatching
import KernelServices
import LockPlatform
import Synchronization

/// The kernel's text, changed through the module's own mapping, or with the kernel's `text_poke`.
///
/// The text lock is held around every poke.
enum KernelCode: CodeMemory {
  /// Whether the next core serialization must wait until every CPU has left the code that runs with
  /// preemption off.
  ///
  /// What the kernel put there (`SiteConversion`) may be two instructions, and a CPU may have been
  /// interrupted between them: it must have gone on before the second is overwritten. Every site lies
  /// where preemption is off, so a grace period waits for exactly that. Once the breakpoints stand no
  /// other CPU gets there, so one wait is enough.
  nonisolated(unsafe) static var mustPassPreemption = false

  static func loadCode(_ address: UInt, count: Int) -> UInt64 {
    var bytes: UInt64 = 0
    // A site's text is mapped; if it is not, 0 is no valid form and the site is refused.
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
    TextRecords.willStore(bytes, count: count, at: address)
    if let place = unsafe KernelTarget.mapping?.place(of: address) {
      writeMappedCode(place, bytes, UInt(count))
    } else {
      writeCode(address, bytes, UInt(count))
    }
    return true
  }

  static func serializeCores() -> Bool {
    if unsafe Gathering.mapping != nil {
      serializeByNMI()
      return true
    }
    serialize()
    if unsafe mustPassPreemption {
      unsafe mustPassPreemption = false
      passPreemption()
    }
    return true
  }
}

/// A byte that several CPUs use: the locked byte of a lock, or a byte of code, in memory of the
/// kernel's.
@safe struct SharedByte: ~Copyable {
  private let byte: Atomic<UInt8>

  /// The native unlock: one releasing store.
  func release() { set(0) }

  func set(_ value: UInt8) { byte.store(value, ordering: .releasing) }
}
