import KernelServices
import KernelText
import LockPlatform
import LockSwitching

/// The files in /sys/kernel/tidelock, in the order of the table in glue.c.
enum ControlFile: Int32 {
  case status = 0
  case set = 1
  case lastSwitch = 2
  case hintPeriod = 3
  case timeLimit = 4
  case `protocol` = 5
  case stopMode = 6
  case accounting = 7
}

@_cdecl("tidelock_load")
func load() -> Int {
  do throws(InstallFailure) {
    try Control.install()
    return 0
  } catch {
    withLine { line in line.write(error) }
    return switch error {
    case .noMemory: ErrorNumber.noMemory
    case .noTable: ErrorNumber.noEntry
    case .patch, .probed: ErrorNumber.busy
    case .noSymbol, .fault, .otherKernel, .foreignOperation, .unknownBytes, .missing, .obstacle:
      ErrorNumber.noDevice
    }
  }
}

@_cdecl("tidelock_unload")
func unload() {
  Control.uninstall()
}

@_cdecl("tidelock_show")
func show(_ number: Int32, _ page: UnsafeMutablePointer<UInt8>, _ size: Int) -> Int {
  guard let file = ControlFile(rawValue: number) else { return ErrorNumber.invalid }
  // The page is of that size, contract of sysfs.
  var text = unsafe TextBuffer(page, capacity: size)
  switch file {
  case .status: text.writeStatus()
  case .set: text.write(KernelTarget.currentState.set.name)
  case .lastSwitch:
    guard unsafe control.last != nil else { return 0 }
    text.writeLastSwitch()
  case .hintPeriod: text.write(decimal: hintPeriod())
  case .timeLimit: unsafe text.write(decimal: control.timeLimit)
  case .protocol: unsafe text.write(control.protocol.name)
  case .stopMode: unsafe text.write(control.options.stopMode.name)
  case .accounting: unsafe text.write(control.options.accounting.name)
  }
  text.write("\n")
  return text.count
}

@_cdecl("tidelock_store")
func store(_ number: Int32, _ text: UnsafePointer<UInt8>, _ size: Int) -> Int {
  guard let file = ControlFile(rawValue: number) else { return ErrorNumber.invalid }
  // Contract of sysfs.
  let line = unsafe Line(text, size)
  switch file {
  case .set:
    guard let set = choice(line, { LockSet(rawValue: $0) }, { $0.name }) else {
      return ErrorNumber.invalid
    }
    // An operator's choice: what a hint wanted earlier is no longer requested.
    unsafe control.isHintPending = false
    let error = Control.change(to: set, .operator)
    if error == 0 { PolicyControl.pin(set) }
    return error == 0 ? size : error
  case .hintPeriod:
    guard let period = line.decimal else { return ErrorNumber.invalid }
    setHintPeriod(period)
  case .timeLimit:
    guard let limit = line.decimal, limit > 0 else { return ErrorNumber.invalid }
    unsafe control.timeLimit = limit
  case .protocol:
    guard let wanted = choice(line, { SwitchProtocol(rawValue: $0) }, { $0.name }) else {
      return ErrorNumber.invalid
    }
    guard wanted == .staged || mayChooseAnyProtocol() else {
      withLine(often: true) { line in
        line.write("protocol ")
        line.write(wanted.name)
        line.write(" is for comparison only; load the module with protocols=all to choose it")
      }
      return ErrorNumber.notPermitted
    }
    unsafe control.protocol = wanted
  case .stopMode:
    guard let wanted = choice(line, { StopMode(rawValue: $0) }, { $0.name }) else {
      return ErrorNumber.invalid
    }
    unsafe control.options.stopMode = wanted
  case .accounting:
    guard let wanted = choice(line, { Accounting(rawValue: $0) }, { $0.name }) else {
      return ErrorNumber.invalid
    }
    unsafe control.options.accounting = wanted
  case .status, .lastSwitch: return ErrorNumber.invalid
  }
  return size
}

/// The value with this name, of three at most.
private func choice<Value>(
  _ line: Line, _ value: (UInt8) -> Value?, _ name: (Value) -> StaticString
) -> Value? {
  for number in 0..<3 {
    if let value = value(UInt8(number)), line.equals(name(value)) { return value }
  }
  return nil
}
