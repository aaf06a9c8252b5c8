import CodePatching
import KernelServices
import LockPlatform

/// What breakpoints stand for while an operation is poked.
struct Transit {
  /// Which implementation the handler does in the stead of a site that is being poked. The new
  /// one: either would be sound, a plan pokes an operation only while both are.
  static var implementation: Implementation {
    get { Implementation(rawValue: UInt8(truncatingIfNeeded: current.value)) ?? .native }
    set { current.set(UInt64(newValue.rawValue)) }
  }

  /// Whether the next core serialization must wait until no task stands where it stood.
  ///
  /// What the kernel put there (`ConversionSites`) may be two instructions, and a task may have
  /// been interrupted between them: it must have gone on before the second is overwritten. Once
  /// the breakpoints stand nobody new comes there, so one wait for each poke is enough.
  nonisolated(unsafe) static var mustPassTasks = false
}

private let current = SharedWord(0)

/// What CPUs met during a switch.
enum Measured {
  static func begin() {
    breakpoints.set(0)
    longestHold.set(0)
  }

  static func breakpoint(tookUntil: UInt64, since: UInt64) {
    breakpoints.add(1)
    hold(until: tookUntil, since: since)
  }

  /// Notes that a CPU was held up. Clocks of two CPUs may differ; one that goes back is no hold.
  static func hold(until: UInt64, since: UInt64) {
    if until > since { longestHold.raise(to: until &- since) }
  }

  static var values: (longestHold: UInt64, breakpoints: UInt64) {
    (longestHold.value, breakpoints.value)
  }
}

private let breakpoints = SharedWord(0)
private let longestHold = SharedWord(0)

/// Handles a breakpoint of the kernel's own code, in whatever context it was met; false if it is
/// not one of ours.
///
/// - Parameters:
///   - ip: where the CPU will go on, one byte behind the breakpoint.
///   - stack: its stack pointer; the entry code of breakpoints leaves room for a push.
///   - result: its `rax`.
///   - argument: its `rdi`.
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
