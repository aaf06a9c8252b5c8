import KernelServices

/// The kernel's own functions and data that the module works with and that are not exported.
struct KernelSymbols {
  let text: UInt
  let textStart: UInt
  let textEnd: UInt
  let nativeSlowPath: UInt
  let paravirtualSlowPath: UInt
  let nativeUnlock: UInt
  let paravirtualUnlock: UInt
  let nothing: UInt
  let kvmWait: UInt
  let kvmKick: UInt
  let nativeIsPreempted: UInt
  let kvmIsPreempted: UInt
  let lockHash: UInt
  let lockHashBits: UInt
  let testAndSetKey: UInt
  let notesStart: UInt
  let notesEnd: UInt

  init() throws(InstallFailure) {
    text = try find("_text")
    textStart = try find("_stext")
    textEnd = try find("_etext")
    nativeSlowPath = try find("native_queued_spin_lock_slowpath")
    paravirtualSlowPath = try find("__pv_queued_spin_lock_slowpath")
    nativeUnlock = try find("__raw_callee_save___native_queued_spin_unlock")
    paravirtualUnlock = try find("__raw_callee_save___pv_queued_spin_unlock")
    // Its name changed with Linux 6.7.
    nothing = try find("_paravirt_nop", or: "nop_func")
    kvmWait = try find("kvm_wait")
    kvmKick = try find("kvm_kick_cpu")
    nativeIsPreempted = try find("__raw_callee_save___native_vcpu_is_preempted")
    kvmIsPreempted = try find("__raw_callee_save___kvm_vcpu_is_preempted")
    lockHash = try find("pv_lock_hash")
    lockHashBits = try find("pv_lock_hash_bits")
    testAndSetKey = try find("virt_spin_lock_key")
    notesStart = try find("__start_notes")
    notesEnd = try find("__stop_notes")
  }
}

private func find(
  _ name: StaticString, or other: StaticString? = nil
) throws(InstallFailure) -> UInt {
  // A static string ends with a zero byte, so it is a C string.
  var address = unsafe kernelSymbol(name.utf8Start)
  if address == 0, let other { address = unsafe kernelSymbol(other.utf8Start) }
  guard address != 0 else { throw .noSymbol(name) }
  return address
}
