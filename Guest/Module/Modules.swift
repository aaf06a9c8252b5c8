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

/// Whether a module has lock operations of its own: it was patched for the set that was in force when it
/// was loaded, and the table of its sites is gone.
@_cdecl("tidelock_has_sites")
func hasSites(_ text: UInt, _ size: UInt) -> Bool {
  guard let symbols = unsafe control.symbols else { return false }
  switch code(of: text, size, symbols) {
  case .none: return false
  case .inForce, .other: return true
  }
}

/// Whether a module may be loaded: it has no sites, or they are of the set in force.
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
private func code(of text: UInt, _ size: UInt, _ symbols: KernelSymbols) -> ModuleCode {
  let state = KernelTarget.currentState
  let isSettled = state.isSettled(in: state.set)
  let slowPath = KernelForms.body(.slowPath, state.set.implementation(of: .slowPath)).function
  let isUnlockInline = KernelForms.body(.unlock, state.set.implementation(of: .unlock)).isInline
  let gate = gateAddress()
  var found = ModuleCode.none
  findLockOperations(in: text, size) { _, operation in
    let isOfSet: Bool
    switch operation {
    case .inlineUnlock: isOfSet = isUnlockInline
    case .call(symbols.paravirtualUnlock): isOfSet = !isUnlockInline
    case .call(let target)
    where target == symbols.nativeSlowPath || target == symbols.paravirtualSlowPath
      || target == gate:
      isOfSet = target == slowPath
    case .call: return true
    }
    found = isOfSet && isSettled ? .inForce : .other
    return isOfSet && isSettled
  }
  return found
}
