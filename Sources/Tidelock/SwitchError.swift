import CodePatching
import LockPlatform
import LockSwitching
import UserSpaceShims

/// Why a switch was refused or undone.
///
/// The set that was in force still is, unless `report.result` is `.stuck`: then undoing the switch
/// failed as well. Even so every lock works, Tidelock goes on trying to undo the switch, and the
/// next one goes on from there.
public struct SwitchError: Error, CustomStringConvertible, Sendable {
  /// What went wrong.
  public let failure: SwitchFailure
  /// What was tried.
  public let report: SwitchReport

  init(_ failure: SwitchFailure, _ report: SwitchReport) {
    self.failure = failure
    self.report = report
  }

  /// One sentence that names the thing and the way out.
  public var description: String {
    switch failure {
    case .underWay:
      "Another switch is under way; try again when it has finished."
    case .exiting:
      "The program's exit has begun, so no switch begins any more; switch before exit is called."
    case .notDrained(let body):
      """
      Threads were still waiting in the \(body.name) slow path when the switch timed out after \
      \(milliseconds) ms, \(ending); allow more time, or look for a lock that is held too long.
      """
    case .breakpointsBlocked(let thread):
      """
      Thread \(thread) blocks SIGTRAP, so its first breakpoint would end the process; unblock it, \
      or use the staged protocol and poke with stores.
      """
    case .gatheringBlocked(let thread):
      """
      Thread \(thread) blocks every signal that could gather it, real-time signals and SIGPROF; \
      unblock one of them, or use another protocol.
      """
    case .noFreeSignal:
      """
      Every real-time signal and SIGPROF has a handler of the program's own, so none is left to \
      gather threads; free one, or use another protocol.
      """
    case .notGathered(let thread):
      """
      Thread \(thread) did not come or did not follow within \(milliseconds) ms, \(ending); allow \
      more time, or use another protocol.
      """
    case .unchecked(let failure): describe(failure)
    case .notQuiescent(let references):
      """
      \(references) lock operations or held locks were still counted after \(milliseconds) ms, \
      \(ending) (EAGAIN); try again, allow more time, or use another protocol.
      """
    case .unsound:
      """
      Lock operations are in place that cannot be mixed, left behind by an earlier failure, and no \
      switch can lead on from there; restart the process.
      """
    case .unsupported:
      """
      This kernel lacks membarrier with core serialization, or does not allow it (seccomp); Linux 4.16 \
      or later is needed.
      """
    case .noMemory:
      """
      No memory, or no thread-specific key (pthread_key_create), was left for what switching must keep \
      of threads and libraries, so every lock stays in the set it is in; raise RLIMIT_AS or free keys, \
      and start the program again.
      """
    case .patch(let error): describe(error)
    }
  }

  private var milliseconds: UInt64 { report.nanoseconds / 1_000_000 }

  private var ending: String {
    switch report.result {
    case .refused: "so nothing was changed"
    case .stuck:
      "and undoing the switch failed as well (every lock works, and undoing it is tried again)"
    case .undone, .done, .unchanged: "so the switch was undone"
    }
  }

  private func describe(_ failure: LookFailure) -> String {
    switch failure {
    case .noDescriptor:
      """
      No file descriptor is left, so /proc/self could not be read to look up the threads and the \
      protection of text, \(ending); close a file or raise RLIMIT_NOFILE, and try again.
      """
    case .noProc:
      """
      /proc is not mounted here or does not know this process, so its threads and the protection of \
      its text could not be looked up, \(ending); mount /proc, or switch before the root changes.
      """
    case .otherNamespace:
      """
      /proc belongs to another pid namespace and numbers the threads of this process otherwise, so \
      none could be gathered, \(ending); mount /proc in the pid namespace of the process, or use \
      another protocol.
      """
    case .refused(let error):
      """
      /proc/self cannot be read (error \(error)), so the threads and the protection of text could \
      not be looked up, \(ending); allow openat and getdents64 on it (seccomp, SELinux), and try again.
      """
    }
  }

  private func describe(_ error: PatchError) -> String {
    switch error {
    case .noSites:
      "No patch site is loaded in this process, so there is nothing to switch; use a lock first."
    case .unknownBytes(let site, let found, let expected):
      """
      The unlock at \(symbol(site)) holds \(bytes(found)), expected \(bytes(expected)), \(ending); \
      something else has patched it (a debugger, a probe): remove that and try again.
      """
    case .noForm(let site):
      """
      The unlock at \(symbol(site)) belongs to a library built with another version of Tidelock, \
      \(ending); rebuild the library.
      """
    case .straddles(let site):
      """
      The unlock at \(symbol(site)) crosses an aligned 8-byte word, so one store cannot change it; \
      poke with breakpoints.
      """
    case .notWritable(let site):
      """
      The kernel does not let the text at \(symbol(site)) be written, \(ending); allow text to be \
      made writable (SELinux: execmod; seccomp: mprotect), or keep the set.
      """
    case .notProtected(let site):
      """
      The kernel does not let the text at \(symbol(site)) be made read-only again, so it stays \
      writable, \(ending); allow mprotect (seccomp), and the next switch protects it.
      """
    case .notSerializable:
      """
      The kernel refused to serialize the processors, \(ending); allow membarrier (seccomp) and try \
      again.
      """
    }
  }

  private func bytes(_ value: UInt64) -> String {
    (0..<5).map { index in
      let byte = String(UInt8(truncatingIfNeeded: value >> (8 * index)), radix: 16)
      return byte.count == 1 ? "0" + byte : byte
    }.joined(separator: " ")
  }
}

/// An address as symbol and file, as far as the dynamic linker knows them.
private func symbol(_ address: UInt) -> String {
  func hexadecimal(_ number: UInt) -> String { "0x" + String(number, radix: 16) }
  var file: UnsafePointer<CChar>?
  var name: UnsafePointer<CChar>?
  var base: UInt = 0
  var start: UInt = 0
  // The strings are the dynamic linker's and live as long as the image, which is being switched.
  guard unsafe tidelock_find_symbol(address, &file, &base, &name, &start) != 0,
    let file = unsafe file
  else { return hexadecimal(address) }
  let image = unsafe String(cString: file)
  guard let name = unsafe name else { return "\(image)+\(hexadecimal(address &- base))" }
  return unsafe "\(String(cString: name))+\(hexadecimal(address &- start)) in \(image)"
}
