import KernelServices
import KernelText
import LockPlatform

/// Whether a module's code calls a lock operation: it was patched for the set that was in force
/// when it came, and the table of its sites is gone.
///
/// Five bytes that happen to lead exactly there are not to be feared: one in 2^32 places.
@_cdecl("tidelock_has_sites")
func hasSites(_ text: UInt, _ size: UInt) -> Bool {
  guard let symbols = unsafe control.symbols else { return false }
  return slowPathCalled(by: text, size, symbols) != nil
}

/// Whether a module may come: it has no sites, or they are of the set in force.
@_cdecl("tidelock_module_coming")
func moduleComing(_ name: UnsafePointer<UInt8>, _ text: UInt, _ size: UInt) -> Bool {
  guard let symbols = unsafe control.symbols,
    let called = slowPathCalled(by: text, size, symbols)
  else { return true }
  let sites = unsafe control.sites
  let inForce = unsafe sites.forms[.slowPath, control.set.implementation(of: .slowPath)].function
  let welcome = called == inForce
  withLine { line in
    line.write("module ")
    unsafe line.write(cString: name)
    if welcome {
      line.write(" has lock operations of its own: no switch while it is here")
    } else {
      line.write(" was loaded while a switch was under way: load it again")
    }
  }
  return welcome
}

private func slowPathCalled(by text: UInt, _ size: UInt, _ symbols: KernelSymbols) -> UInt? {
  guard size >= 5, let code = unsafe UnsafeRawPointer(bitPattern: text) else { return nil }
  let gate = gateAddress()
  for offset in 0...(Int(size) - 5) {
    // Code of a loaded module, mapped for as long as the kernel lists it.
    guard unsafe code.load(fromByteOffset: offset, as: UInt8.self) == 0xe8 else { continue }
    let distance = unsafe code.loadUnaligned(fromByteOffset: offset + 1, as: Int32.self)
    let target = text &+ UInt(offset) &+ 5 &+ UInt(bitPattern: Int(distance))
    if target == symbols.nativeSlowPath || target == symbols.paravirtualSlowPath || target == gate {
      return target
    }
  }
  return nil
}
