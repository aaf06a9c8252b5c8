import CodePatching
import Glibc
import LockPlatform
import QueuedSpinlocks
import UserSpaceShims

/// The handler of SIGTRAP. In a signal handler: it reads, stores, and makes system calls only.
///
/// At a site in transit it emulates the paravirtual unlock, whatever the poke leads to: that is
/// sound beside every slow path, and a plan pokes unlock only where both forms are.
@c(tidelock_core_trap)
public func trap(
  _ signal: Int32, _ info: UnsafeMutablePointer<siginfo_t>?, _ context: UnsafeMutableRawPointer?
) {
  let began = UserSpace.nanoseconds
  // A breakpoint leaves the instruction pointer behind itself.
  let address = unsafe tidelock_trap_instruction(context) &- 1
  _ = tidelock_fetch_add32(Images.handlers.address, 1)
  var hit = BreakpointHit.notOurs
  for image in Images.all where hit == .notOurs {
    hit = BreakpointHit.resolve(address, image, ProgramText.self)
  }
  _ = tidelock_fetch_add32(Images.handlers.address, UInt32.max)
  switch hit {
  case .notOurs:
    unsafe tidelock_trap_chain(signal, info, context)
    return
  case .retry:
    unsafe tidelock_trap_resume(context, address)
  case .emulate(_, let resumeAt):
    // The site's operand: the lock, which the trapped thread holds.
    let lock = unsafe LockWord(address: tidelock_trap_argument(context))
    ParavirtualQueue<UserSpace>.unlock(lock)
    unsafe tidelock_trap_resume(context, resumeAt)
  }
  Breakpoints.note(heldFor: UserSpace.nanoseconds &- began)
}

enum Breakpoints {
  /// How many were met by threads without a record.
  static var unnumbered: Location<UInt32> {
    // A word of the core's state, which lives as long as the process.
    unsafe Location(address: tidelock_state_unnumbered_breakpoints())
  }

  fileprivate static func note(heldFor nanoseconds: UInt64) {
    guard let thread = ThreadRecord.current else {
      _ = tidelock_fetch_add32(unnumbered.address, 1)
      return
    }
    // Each thread for itself: one shared counter would be what all trapped threads wait for.
    UserSpace.store(
      UserSpace.load(thread.breakpoints, .relaxed) &+ 1, to: thread.breakpoints, .relaxed)
    thread.noteHold(nanoseconds)
  }

  /// A thread that has SIGTRAP blocked just now, if there is one: its first breakpoint would kill
  /// the process. One that blocks it later cannot be seen; the store method has no such risk.
  static func blockedThread() -> Int32? {
    guard let folder = unsafe opendir("/proc/self/task") else { return nil }
    defer { unsafe closedir(folder) }
    while let entry = unsafe readdir(folder) {
      // The name is terminated by the C library.
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
        unsafe String(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
      }
      guard let thread = Int32(name) else { continue }
      if blocksTrap(status: "/proc/self/task/\(name)/status") { return thread }
    }
    return nil
  }

  private static func blocksTrap(status path: String) -> Bool {
    guard let file = unsafe fopen(path, "re") else { return false }
    defer { unsafe fclose(file) }
    var line = [CChar](repeating: 0, count: 256)
    while unsafe fgets(&line, Int32(line.count), file) != nil {
      let text = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self)
      guard text.hasPrefix("SigBlk:") else { continue }
      let mask = UInt64(text.dropFirst(7).filter { $0.isHexDigit }, radix: 16) ?? 0
      return blocks(mask, SIGTRAP) && !blocks(mask, internalSignal)
    }
    return false
  }

  /// The C library's own first signal (SIGCANCEL), which it leaves in no mask that a program asks
  /// for.
  ///
  /// A thread that blocks it is inside the library, which is creating or ending the thread, or
  /// in `ThreadRecord.enroll`: it executes no site before it has its own mask again.
  private static let internalSignal: Int32 = 32

  private static func blocks(_ mask: UInt64, _ signal: Int32) -> Bool {
    mask & (1 << UInt64(signal - 1)) != 0
  }
}
