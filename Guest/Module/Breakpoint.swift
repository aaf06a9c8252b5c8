import CodePatching
import KernelServices
import LockPlatform
import LockSwitching

/// The registers of a CPU that met a breakpoint, as far as an operation's stead needs them.
///
/// Only within the handler.
@safe struct TrappedCPU {
  /// Where it will go on, at first one byte behind the breakpoint.
  private let ip: UnsafeMutablePointer<UInt>
  /// Its stack pointer; the entry code of breakpoints leaves room for a push.
  private let stack: UnsafeMutablePointer<UInt>
  /// Its `rax`.
  private let result: UnsafeMutablePointer<UInt>
  /// Its `rdi`.
  let argument: UInt

  /// Contract: the registers that the entry code saved.
  @unsafe init(
    ip: UnsafeMutablePointer<UInt>, stack: UnsafeMutablePointer<UInt>,
    result: UnsafeMutablePointer<UInt>, argument: UInt
  ) {
    unsafe self.ip = ip
    unsafe self.stack = stack
    unsafe self.result = result
    self.argument = argument
  }

  /// Calls a function in the site's stead, in the context and with the interrupts of the site.
  func call(_ function: UInt, returningTo behind: UInt) {
    unsafe stack.pointee &-= 8
    unsafe UnsafeMutablePointer<UInt>(bitPattern: stack.pointee).unsafelyUnwrapped.pointee = behind
    unsafe ip.pointee = function
  }

  func goOn(at address: UInt) { unsafe ip.pointee = address }

  func return0() { unsafe result.pointee = 0 }
}

/// Handles a breakpoint of the kernel's own code, in whatever context it was met; false if it is
/// not one of ours.
@_cdecl("tidelock_breakpoint")
func breakpoint(
  _ ip: UnsafeMutablePointer<UInt>, _ stack: UnsafeMutablePointer<UInt>,
  _ result: UnsafeMutablePointer<UInt>, _ argument: UInt
) -> Bool {
  let since = nanosecondsNow()
  let cpu = unsafe TrappedCPU(ip: ip, stack: stack, result: result, argument: argument)
  let site = unsafe ip.pointee &- 1
  // Sites are replaced only while none of them holds a breakpoint.
  let sites = unsafe control.sites
  switch BreakpointHit.resolve(site, sites, KernelMemory.self) {
  case .notOurs:
    return false
  case .retry:
    cpu.goOn(at: site)
  case .emulate(let operation, _):
    let context = Int(contextOfBreakpoint())
    if operation == .unlock { KernelCPU.current.count(.released, in: context) }
    if LockStep<KernelMachine>.meet(site) == .retry {
      KernelCPU.current.count(.joined, in: context)
      cpu.goOn(at: site)
    } else {
      emulate(operation, at: site, sites.forms, cpu)
    }
  }
  Measured.breakpoint(
    in: Int(contextOfBreakpoint()), tookUntil: nanosecondsNow(), since: since)
  return true
}

private func emulate(
  _ operation: LockOperation, at site: UInt, _ forms: KernelForms, _ cpu: TrappedCPU
) {
  // Behind the whole site, whichever form the bytes of its end belong to.
  let behind = site &+ UInt(KernelForms.siteLength)
  if Transit.purpose == .counted {
    if operation == .slowPath {
      return cpu.call(countedSlowPathAddress(), returningTo: behind)
    }
    if operation == .unlock {
      countedUnlock(cpu.argument)
      return cpu.goOn(at: behind)
    }
  }
  let body = forms[operation, Transit.implementation(of: operation)]
  guard body.isInline else { return cpu.call(body.function, returningTo: behind) }
  if operation == .unlock {
    release(cpu.argument)
  } else if operation == .vcpuIsPreempted {
    cpu.return0()
  }
  cpu.goOn(at: behind)
}

/// An unlock while `barrier` counts.
private func countedUnlock(_ lock: UInt) {
  Counted<KernelMachine>.perform { inForce in
    switch inForce {
    case .native, .testAndSet: release(lock)
    case .paravirtual, .gate: paravirtualUnlock(lock)
    }
  }
  References<KernelMachine>.drop(lock)
}

/// The native unlock.
private func release(_ lock: UInt) {
  // The locked byte of a lock that the CPU holds.
  unsafe UnsafeMutablePointer<SharedByte>(bitPattern: lock).unsafelyUnwrapped.pointee.release()
}
