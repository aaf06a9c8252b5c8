import CodePatching
import KernelServices
import LockPlatform

/// Handles a breakpoint of the kernel's own code, in whatever context it was met.
///
/// - Parameters:
///   - ip: where the CPU will go on, one byte behind the breakpoint.
///   - stack: its stack pointer; the entry code of breakpoints leaves room for a push.
///   - result: its `rax`.
///   - argument: its `rdi`.
/// - Returns: false if it is not one of ours.
@_cdecl("tidelock_breakpoint")
func breakpoint(
  _ ip: UnsafeMutablePointer<UInt>, _ stack: UnsafeMutablePointer<UInt>,
  _ result: UnsafeMutablePointer<UInt>, _ argument: UInt
) -> Bool {
  let since = nanosecondsNow()
  let site = unsafe ip.pointee &- 1
  // Sites are replaced only while none of them holds a breakpoint.
  let sites = unsafe control.sites
  switch BreakpointHit.resolve(site, sites, KernelMemory.self) {
  case .notOurs:
    return false
  case .retry:
    unsafe ip.pointee = site
  case .emulate(let operation, _):
    // Behind the whole site, whichever form the bytes of its end belong to.
    let behind = site &+ UInt(KernelForms.siteLength)
    let body = sites.forms[operation, Transit.implementation]
    if !body.isInline {
      // The call that the site will be, or was.
      unsafe stack.pointee &-= 8
      unsafe UnsafeMutablePointer<UInt>(bitPattern: stack.pointee).unsafelyUnwrapped.pointee =
        behind
      unsafe ip.pointee = body.function
    } else {
      if operation == .unlock {
        let locked = unsafe UnsafeMutablePointer<SharedByte>(bitPattern: argument)
        unsafe locked.unsafelyUnwrapped.pointee.release()
      } else if operation == .vcpuIsPreempted {
        unsafe result.pointee = 0
      }
      unsafe ip.pointee = behind
    }
  }
  Measured.breakpoint(tookUntil: nanosecondsNow(), since: since)
  return true
}
