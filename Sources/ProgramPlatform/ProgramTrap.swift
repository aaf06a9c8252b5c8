import CodePatching
import Glibc
import LockPlatform
import LockSwitching
import QueuedSpinlocks
import UserSpaceShims

/// The handler of SIGTRAP.
///
/// In a signal handler: it reads, stores, and makes system calls only.
///
/// At a site in transit it does, in this order, what the protocol under way asks for: joins the
/// lock-step; emulates the set in force, counted; or emulates the paravirtual unlock, whatever the
/// poke leads to: that is sound beside every slow path.
@c(tidelock_core_trap)
public func trap(
  _ signal: Int32, _ info: UnsafeMutablePointer<siginfo_t>?, _ context: UnsafeMutableRawPointer?
) {
  let began = ProgramMachine.nanoseconds
  // A breakpoint leaves the instruction pointer behind itself.
  let address = unsafe tidelock_trap_instruction(context) &- 1
  ProgramMachine.add(1, to: Images.handlers)
  var hit = BreakpointHit.notOurs
  for image in Images.all where hit == .notOurs {
    hit = BreakpointHit.resolve(address, image, ProgramCode.self)
  }
  ProgramMachine.add(.max, to: Images.handlers)
  switch hit {
  case .notOurs:
    unsafe tidelock_trap_chain(signal, info, context)
    return
  case .retry:
    unsafe tidelock_trap_resume(context, address)
  case .emulate:
    if LockStep<ProgramMachine>.meet(address) == .retry {
      unsafe tidelock_trap_resume(context, address)
    } else {
      // The site's operand: the lock, which the trapped thread holds.
      Breakpoints.unlock(unsafe LockWord(address: tidelock_trap_argument(context)))
      unsafe tidelock_trap_resume(context, address &+ UInt(ProgramUnlockForms.native.count))
    }
  }
  Breakpoints.note(stall: ProgramMachine.nanoseconds &- began)
}

enum Breakpoints {
  /// Whether `barrier` is under way.
  static var areCounted: Location<UInt32> {
    // A word of the core's state, here and below; that lives as long as the process.
    unsafe Location(address: tidelock_state_is_counted())
  }

  fileprivate static func unlock(_ lock: LockWord) {
    // Relaxed: what is done is sound whatever is under way by now.
    guard ProgramMachine.load(areCounted, .relaxed) != 0 else {
      return ParavirtualQueue<ProgramMachine>.unlock(lock)
    }
    Counted<ProgramMachine>.unlock(lock) { unlock in
      unlock == .native
        ? NativeQueue<ProgramMachine>.unlock(lock) : ParavirtualQueue<ProgramMachine>.unlock(lock)
    }
  }

  /// How many were met by threads without a record.
  static var unnumbered: Location<UInt32> {
    unsafe Location(address: tidelock_state_unnumbered_breakpoints())
  }

  fileprivate static func note(stall nanoseconds: UInt64) {
    guard let thread = ThreadRecord.current else {
      ProgramMachine.add(1, to: unnumbered)
      return
    }
    // Each thread for itself: one shared counter would be what all trapped threads wait for.
    ProgramMachine.store(
      ProgramMachine.load(thread.breakpoints, .relaxed) &+ 1, to: thread.breakpoints, .relaxed)
    thread.noteStall(nanoseconds)
  }
}
