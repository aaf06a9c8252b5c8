import CodePatching
import KernelServices
import KernelText
import LockPlatform
import LockSwitching

/// What the code of another module says about the set that it was patched for.
private enum ModuleCode {
  /// It has no lock operations of its own.
  case none
  /// It has some, all of the set in force.
  case inForce
  /// It has some of another set.
  case other
}

/// Whether a module has lock operations of its own: it was patched for the set that was in force
/// when it came, and the table of its sites is gone.
@_cdecl("tidelock_has_sites")
func hasSites(_ text: UInt, _ size: UInt) -> Bool {
  guard let symbols = unsafe control.symbols else { return false }
  switch code(of: text, size, symbols) {
  case .none: return false
  case .inForce, .other: return true
  }
}

/// Whether a module may come: it has no sites, or they are of the set in force.
@_cdecl("tidelock_module_coming")
func moduleComing(_ name: UnsafePointer<UInt8>, _ text: UInt, _ size: UInt) -> Bool {
  guard let symbols = unsafe control.symbols else { return true }
  switch code(of: text, size, symbols) {
  case .none: return true
  case .inForce:
    withLine { line in
      line.write("module ")
      unsafe line.write(cString: name)
      line.write(" has lock operations of its own: no switch until it is removed")
    }
    return true
  case .other:
    withLine { line in
      line.write("module ")
      unsafe line.write(cString: name)
      line.write(" was loaded while a switch was under way; load it again")
    }
    return false
  }
}

/// Looks for calls of a slow path or the paravirtual unlock, and for the inlined native unlock.
///
/// Bytes that mean something else may look so: then a switch is refused for nothing. Five that lead
/// exactly to one of the functions are one in 2^32; the six of the unlock with its padding are what a
/// compiler makes only of a loop's alignment after a byte was cleared.
private func code(of text: UInt, _ size: UInt, _ symbols: KernelSymbols) -> ModuleCode {
  let length = KernelForms.siteLength
  guard size >= UInt(length), let code = unsafe UnsafeRawPointer(bitPattern: text) else {
    return .none
  }
  let state = KernelTarget.currentState
  let isSettled = state.isSettled(in: state.set)
  let slowPath = unsafe KernelForms.current[
    .slowPath, state.set.implementation(of: .slowPath)
  ].function
  let isUnlockInline = unsafe KernelForms.current[
    .unlock, state.set.implementation(of: .unlock)
  ].isInline
  let gate = gateAddress()
  var isFound = false
  for offset in 0...(Int(size) - length) {
    // Code of a loaded module, mapped for as long as the kernel lists it.
    switch unsafe code.load(fromByteOffset: offset, as: UInt8.self) {
    case 0xe8:
      let distance = unsafe code.loadUnaligned(fromByteOffset: offset + 1, as: Int32.self)
      let target = text &+ UInt(offset) &+ 5 &+ UInt(bitPattern: Int(distance))
      if target == symbols.paravirtualUnlock {
        guard !isUnlockInline, isSettled else { return .other }
        isFound = true
      } else if target == symbols.nativeSlowPath || target == symbols.paravirtualSlowPath
        || target == gate
      {
        guard target == slowPath, isSettled else { return .other }
        isFound = true
      }
    case 0xc6:
      let bytes = unsafe UInt64(code.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
      let rest = unsafe UInt64(code.loadUnaligned(fromByteOffset: offset + 4, as: UInt16.self))
      guard bytes | rest << 32 == KernelForms.inlineUnlock else { continue }
      guard isUnlockInline, isSettled else { return .other }
      isFound = true
    default: continue
    }
  }
  return isFound ? .inForce : .none
}
