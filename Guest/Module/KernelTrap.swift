import CodePatching
import KernelServices
import LockPlatform
import LockSwitching
import QueuedSpinlocks

/// The registers of a CPU that hit a breakpoint, as far as emulating an operation needs them.
///
/// Only within the handler.
@safe struct TrappedCPU {
  /// Where it will go on, at first one byte behind the breakpoint.
  private let ip: UnsafeMutablePointer<UInt>
  /// Its stack pointer; the entry code of breakpoints leaves room for a push.
  private let stack: UnsafeMutablePointer<UInt>
  /// Its `rdi`.
  let argument: UInt

  /// Contract: the registers that the entry code saved.
  @unsafe init(
    ip: UnsafeMutablePointer<UInt>, stack: UnsafeMutablePointer<UInt>, argument: UInt
  ) {
    unsafe self.ip = ip
    unsafe self.stack = stack
    self.argument = argument
  }

  /// Calls a function in the site's stead, in the context and with the interrupts of the site.
  func call(_ function: UInt, returningTo behind: UInt) {
    unsafe stack.pointee &-= 8
    unsafe UnsafeMutablePointer<UInt>(bitPattern: stack.pointee).unsafelyUnwrapped.pointee = behind
    unsafe ip.pointee = function
  }

  func goOn(at address: UInt) { unsafe ip.pointee = address }
}

/// Handles a breakpoint in the kernel's own code, in whatever context it was hit; false if it is not at a
/// site.
@_cdecl("tidelock_breakpoint")
func breakpoint(
  _ ip: UnsafeMutablePointer<UInt>, _ stack: UnsafeMutablePointer<UInt>, _ argument: UInt
) -> Bool {
  let since = nanosecondsNow()
  let cpu = unsafe TrappedCPU(ip: ip, stack: stack, argument: argument)
  let site = unsafe ip.pointee &- 1
  // Sites are replaced only while none of them holds a breakpoint.
  switch BreakpointHit.resolve(site, unsafe control.sites, KernelCode.self) {
  case .notOurs:
    return false
  case .retry:
    cpu.goOn(at: site)
  case .emulate(let operation):
    // Acquiring; pairs with the kernel's own ordering of text writes: the state said so before the
    // breakpoint was written, and says so until every CPU has serialized after its end.
    let state = SwitchState(bits: KernelMachine.load(KernelTarget.state, .acquiring))
    guard state.isInTransit(operation) else { return false }
    let context = Int(contextOfBreakpoint())
    if operation == .unlock { KernelCPU.current.count(.released, in: context) }
    if LockStep<KernelMachine>.meet(site) == .retry {
      KernelCPU.current.count(.joined, in: context)
      cpu.goOn(at: site)
    } else {
      emulate(operation, at: site, cpu)
    }
  }
  KernelCPU.current.count(.all, in: Int(contextOfBreakpoint()))
  SwitchMeasurements.stalled(since: since)
  return true
}

/// Does an operation in the stead of its site, in a way that is sound beside every other implementation.
///
/// The gate, the paravirtual unlock, and the paravirtual wait and kick, which only paravirtual bodies
/// call.
private func emulate(_ operation: LockOperation, at site: UInt, _ cpu: TrappedCPU) {
  // Behind the whole site, whichever form the bytes of its end belong to.
  let behind = site &+ UInt(KernelForms.siteLength)
  let isCounted = KernelTarget.isCounted
  switch operation {
  case .slowPath:
    cpu.call(isCounted ? countedSlowPathAddress() : gateAddress(), returningTo: behind)
  case .unlock where isCounted:
    countedUnlock(cpu.argument)
    cpu.goOn(at: behind)
  case .unlock, .wait, .kick:
    cpu.call(KernelForms.body(operation, .paravirtual).function, returningTo: behind)
  // Never in transit.
  case .vcpuIsPreempted: break
  }
}

/// An unlock while `barrier` counts.
private func countedUnlock(_ address: UInt) {
  // A lock word of the kernel's, the site's operand.
  Counted<KernelMachine>.unlock(unsafe LockWord(address: address)) { unlock in
    unlock == .native ? release(address) : paravirtualUnlock(address)
  }
}

/// The native unlock.
private func release(_ lock: UInt) {
  // The locked byte of a lock that the CPU holds.
  unsafe UnsafeMutablePointer<SharedByte>(bitPattern: lock).unsafelyUnwrapped.pointee.release()
}
