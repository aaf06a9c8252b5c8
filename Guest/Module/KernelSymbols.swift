/// The kernel's own functions and data that the module works with, found once on load.
struct KernelSymbols {
  let text: UInt
  let nativeSlowPath: UInt
  let paravirtualSlowPath: UInt
  let paravirtualUnlock: UInt
  let kvmWait: UInt
  let kvmKick: UInt
  let kvmIsPreempted: UInt
  let lockHash: UInt
  let lockHashBits: UInt
  let testAndSetKey: UInt
  let textMutex: UInt
  let textPoke: UInt
  let textPokeSync: UInt

  init() throws(LoadError) {
    text = try find("_text")
    nativeSlowPath = try find("native_queued_spin_lock_slowpath")
    paravirtualSlowPath = try find("__pv_queued_spin_lock_slowpath")
    paravirtualUnlock = try find("__raw_callee_save___pv_queued_spin_unlock")
    kvmWait = try find("kvm_wait")
    kvmKick = try find("kvm_kick_cpu")
    kvmIsPreempted = try find("__raw_callee_save___kvm_vcpu_is_preempted")
    lockHash = try find("pv_lock_hash")
    lockHashBits = try find("pv_lock_hash_bits")
    testAndSetKey = try find("virt_spin_lock_key")
    textMutex = try find("text_mutex")
    textPoke = try find("text_poke")
    textPokeSync = try find("text_poke_sync")
  }
}

private func find(_ name: StaticString) throws(LoadError) -> UInt {
  // A static string ends with a zero byte, so it is a C string.
  let address = unsafe kernelSymbol(name.utf8Start)
  guard address != 0 else { throw .noSymbol(name) }
  return address
}

/// Why the module refuses to load.
enum LoadError: Error {
  case noSymbol(StaticString)
  case noTable
  case notATable
  case unknownBytes(site: UInt, operation: UInt8, found: UInt64, expected: UInt64)
  case unreadable(site: UInt)
}
