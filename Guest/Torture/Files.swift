import KernelText
import TortureServices

/// The files in /sys/kernel/tidelock_torture, in the order of the table in glue.c.
enum TortureFile: Int32 {
  case run = 0
  case locks = 1
  case inside = 2
  case outside = 3
  case delay = 4
  case interruptsOff = 5
  case nested = 6
  case nmi = 7
  case broken = 8
  case stats = 9
  case nmiShared = 10
  case gaps = 11
}

/// Error numbers of the kernel.
private enum Failure {
  static var busy: Int { -16 }
  static var invalid: Int { -22 }
}

@_cdecl("tidelock_torture_show")
func show(_ number: Int32, _ page: UnsafeMutablePointer<UInt8>, _ size: Int) -> Int {
  guard let file = TortureFile(rawValue: number) else { return Failure.invalid }
  // The page is of that size, contract of sysfs.
  var text = unsafe TextBuffer(page, capacity: size)
  let settings = unsafe torture.settings
  switch file {
  case .run: text.write(decimal: settings.running)
  case .locks: text.write(decimal: settings.locks)
  case .inside: text.write(decimal: settings.inside)
  case .outside: text.write(decimal: settings.outside)
  case .delay: text.write(decimal: settings.delay)
  case .interruptsOff: text.write(decimal: settings.interruptsOff)
  case .nested: text.write(decimal: settings.nested)
  case .nmi: text.write(decimal: settings.nmi)
  case .nmiShared: text.write(decimal: settings.nmiShared)
  case .broken: text.write(decimal: settings.broken)
  case .gaps: unsafe writeGapsAlone(of: torture, into: &text)
  case .stats: unsafe writeStatistics(of: torture, into: &text)
  }
  text.write("\n")
  return text.count
}

@_cdecl("tidelock_torture_store")
func store(_ number: Int32, _ text: UnsafePointer<UInt8>, _ size: Int) -> Int {
  // Contract of sysfs.
  guard let file = TortureFile(rawValue: number), let value = unsafe Line(text, size).decimal else {
    return Failure.invalid
  }
  if file == .gaps {
    guard value == 0 else { return Failure.invalid }
    unsafe forgetGaps(of: torture)
    return size
  }
  if file == .run {
    let error = run(value)
    return error == 0 ? size : error
  }
  var settings = unsafe torture.settings
  guard settings.running == 0 else { return Failure.busy }
  switch file {
  case .locks where 1...UInt64(Torture.taskLocks) ~= value: settings.locks = value
  case .inside: settings.inside = value
  case .outside: settings.outside = value
  case .delay where value <= 100_000: settings.delay = value
  case .interruptsOff where value <= 1: settings.interruptsOff = value
  case .nested where value <= 1_000_000: settings.nested = value
  case .nmi where value <= 100_000_000: settings.nmi = value
  case .nmiShared where value <= 1: settings.nmiShared = value
  case .broken where value <= 1: settings.broken = value
  default: return Failure.invalid
  }
  unsafe torture.settings = settings
  return size
}

/// Starts or ends the workers; 0 or an error number.
///
/// What it calls writes `torture` too, so each access here is for itself.
private func run(_ value: UInt64) -> Int {
  switch (value, unsafe torture.settings.running) {
  case (1, 0):
    let error = startWorkers(unsafe torture.settings.nested != 0)
    if error == 0 { unsafe torture.settings.running = 1 }
    return error
  case (0, 1):
    stopWorkers()
    unsafe torture.end = ticks()
    unsafe torture.settings.running = 0
    return 0
  case (0, 0): return 0
  case (1, _): return Failure.busy
  default: return Failure.invalid
  }
}
