import Glibc
import Tidelock

// What tidelock.h declares; its words are the contract.

/// Switches; 0, or an error number.
@c(tidelock_switch_using)
public func switchUsing(
  _ set: UInt32, _ protocol: UInt32, _ method: UInt32, _ timeLimit: UInt64,
  _ words: UnsafeMutablePointer<CChar>?, _ size: Int
) -> Int32 {
  guard let set = LockSet(rawValue: UInt8(clamping: set)),
    let `protocol` = SwitchProtocol(rawValue: UInt8(clamping: `protocol`)),
    let method = PokeMethod(rawValue: UInt8(clamping: method))
  else {
    unsafe say("There is no such set, protocol or method; tidelock.h names them.", words, size)
    return EINVAL
  }
  do throws(SwitchError) {
    let report = try LockOperations.switch(
      to: set, using: `protocol`, poking: method, timeLimit: .nanoseconds(timeLimit))
    unsafe say(report.json, words, size)
    return 0
  } catch {
    unsafe say("\(error)", words, size)
    return number(error.failure)
  }
}

/// The set in force, by its number.
@c(tidelock_current)
public func current() -> UInt32 { UInt32(LockOperations.current.rawValue) }

/// Contract of tidelock.h: `words` is nil or memory for `size` bytes.
private func say(_ text: String, _ words: UnsafeMutablePointer<CChar>?, _ size: Int) {
  guard let words = unsafe words, size > 0 else { return }
  let bytes = text.utf8.prefix(size - 1)
  for (index, byte) in bytes.enumerated() { unsafe words[index] = CChar(bitPattern: byte) }
  unsafe words[bytes.count] = 0
}

private func number(_ failure: SwitchFailure) -> Int32 {
  switch failure {
  case .underWay: EBUSY
  case .exiting: ECANCELED
  case .notDrained, .notGathered: ETIMEDOUT
  case .notQuiescent: EAGAIN
  case .patch(.notWritable), .patch(.notProtected), .patch(.notSerializable), .unchecked: EACCES
  case .patch, .unsound: ENOTRECOVERABLE
  case .breakpointsBlocked, .gatheringBlocked, .noFreeSignal: EPERM
  case .noMemory: ENOMEM
  case .unsupported: ENOTSUP
  }
}
