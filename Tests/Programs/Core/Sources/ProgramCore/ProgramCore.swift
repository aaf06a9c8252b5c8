import Glibc
import Tidelock

/// Switches to a set by its number in `LockSet`; 0 if that succeeded, and otherwise a sentence on
/// standard error.
@c(program_switch)
public func programSwitch(_ set: Int32, _ byBreakpoint: Int32) -> Int32 {
  programSwitch(set, using: 0, byBreakpoint)
}

/// The same by a protocol, named by its number in `SwitchProtocol`.
@c(program_switch_using)
public func programSwitch(_ set: Int32, using protocol: Int32, _ byBreakpoint: Int32) -> Int32 {
  guard let set = LockSet(rawValue: UInt8(truncatingIfNeeded: set)),
    let `protocol` = SwitchProtocol(rawValue: UInt8(truncatingIfNeeded: `protocol`))
  else { return 2 }
  do throws(SwitchError) {
    try LockOperations.switch(
      to: set, using: `protocol`, poking: byBreakpoint == 0 ? .store : .breakpoint)
    return 0
  } catch {
    // Terminated for the time of the call.
    _ = unsafe "\(error)\n".withCString { unsafe write(2, $0, strlen($0)) }
    return 1
  }
}

/// The set in force, by its number.
@c(program_current)
public func programCurrent() -> Int32 { Int32(LockOperations.current.rawValue) }
