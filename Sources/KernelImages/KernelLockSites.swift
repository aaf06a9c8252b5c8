import ELFReader
import LockPlatform
import LockSwitching

/// One patch site of a kernel: a call of a lock operation through `pv_ops`.
public struct KernelLockSite: Sendable, Equatable {
  /// The address the linker gave it; the running kernel is elsewhere.
  public let address: UInt64
  /// Bytes from the kernel's symbol `_text`, wherever the kernel is.
  public let offset: UInt32
  /// What is called.
  public let operation: LockOperation
  /// The bytes in the image, six of them; the running kernel has replaced them.
  public let bytes: [UInt8]
}

/// The patch sites of the five lock operations.
struct KernelLockSites {
  /// Sorted by address.
  let sites: [KernelLockSite]
  /// Sites in code that the kernel discards after boot; they need no switching.
  let discarded: Int

  /// Finds the sites.
  ///
  /// - Parameters:
  ///   - kernel: An unpacked vmlinux.
  ///   - text: The section that `_text` begins and that stays.
  /// - Throws: ``KernelImageError`` if they are not all there, or not all understood.
  init(of kernel: ELFFile, text: Section) throws(KernelImageError) {
    let alternatives = try Alternative.table(of: kernel)
    let unlockSlot = try Self.unlockSlot(of: kernel, alternatives)
    var bySlot: [UInt64: LockOperation] = [:]
    for (index, operation) in LockOperation.inSlotOrder.enumerated() {
      bySlot[unlockSlot &+ 8 * UInt64(index) &- 8] = operation
    }

    var sites: [KernelLockSite] = []
    var discarded = 0
    for call in try paravirtualCalls(of: kernel, alternatives) {
      guard let operation = bySlot[call.slot] else { continue }
      guard text.contains(call.address), let offset = UInt32(exactly: call.address - text.address)
      else {
        discarded += 1
        continue
      }
      let bytes: ArraySlice<UInt8>
      do {
        bytes = try kernel.bytes(atVirtualAddress: call.address, count: IndirectCall.length)
      } catch { throw .elf(error) }
      sites.append(
        KernelLockSite(
          address: call.address, offset: offset, operation: operation, bytes: Array(bytes)))
    }
    sites.sort { $0.address < $1.address }
    try Self.check(sites, of: kernel)
    self.sites = sites
    self.discarded = discarded
  }

  /// Finds the slot of `queued_spin_unlock`, from which the order of `pv_lock_ops` gives the others.
  ///
  /// `pv_ops` has as many slots as the kernel's configuration asks for, and a stripped kernel no
  /// symbol for it. But unlock is the one call for which the kernel keeps the native instruction
  /// ready, `movb $0, (%rdi)`, and likewise `xor %eax, %eax` for vcpu_is_preempted, three further.
  private static func unlockSlot(
    of kernel: ELFFile, _ alternatives: [Alternative]
  ) throws(KernelImageError) -> UInt64 {
    let storeZero: [UInt8] = [0xc6, 0x07, 0x00]
    let clearResult: [[UInt8]] = [[0x48, 0x31, 0xc0], [0x31, 0xc0]]
    var unlocks: Set<UInt64> = []
    var preempted: Set<UInt64> = []
    for alternative in alternatives
    where alternative.length == IndirectCall.length
      && (2...3).contains(alternative.replacementLength)
    {
      let replacement: [UInt8]
      do {
        replacement = Array(
          try kernel.bytes(
            atVirtualAddress: alternative.replacement, count: alternative.replacementLength))
      } catch { throw .elf(error) }
      guard replacement == storeZero || clearResult.contains(replacement),
        let call = try IndirectCall(at: alternative.address, in: kernel)
      else { continue }
      if replacement == storeZero { unlocks.insert(call.slot) } else { preempted.insert(call.slot) }
    }
    guard let unlock = unlocks.first else {
      throw .noLockOperations(
        file: kernel.name,
        reason:
          "no call is replaced by the native unlock (built without CONFIG_PARAVIRT_SPINLOCKS?)")
    }
    guard unlocks.count == 1, preempted.isSubset(of: [unlock &+ 24]) else {
      throw .inconsistent(
        file: kernel.name, detail: "its native unlocks stand for calls of more than one slot")
    }
    return unlock
  }

  /// All five operations or none: a switch cannot leave one of them out.
  private static func check(
    _ sites: [KernelLockSite], of kernel: ELFFile
  ) throws(KernelImageError) {
    for operation in LockOperation.inSlotOrder
    where !sites.contains(where: { $0.operation == operation }) {
      throw .noLockOperations(
        file: kernel.name, reason: "nothing calls \(operation.name) through pv_ops")
    }
    for (site, next) in zip(sites, sites.dropFirst())
    where next.address - site.address < UInt64(IndirectCall.length) {
      throw .inconsistent(
        file: kernel.name, detail: "the site at \(hexadecimal(next.address)) is listed twice")
    }
  }
}

extension LockOperation {
  /// All five, in the order of their slots in `pv_ops`, which end it.
  public static let inSlotOrder: [LockOperation] = [
    .slowPath, .unlock, .wait, .kick, .vcpuIsPreempted,
  ]
}
