import CodePatching
import GuestSiteTable
import KernelServices
import KernelText
import LockPlatform
import LockSwitching

/// Writes a line to the kernel log.
func withLine(_ body: (inout TextBuffer) -> Void) {
  var memory: InlineArray<1400, UInt8> = .init(repeating: 0)
  var span = memory.mutableSpan
  // The buffer ends before the memory does.
  unsafe span.withUnsafeMutableBufferPointer { buffer in
    guard let base = buffer.baseAddress else { return }
    var line = unsafe TextBuffer(base, capacity: buffer.count)
    body(&line)
    unsafe kernelLog(base, Int32(line.count))
  }
}

extension TextBuffer {
  mutating func write(address: UInt) {
    write("0x")
    write(hex: UInt64(address), digits: 16)
    write(symbolOf: address)
  }

  /// The kernel symbol that an address lies in, in parentheses.
  private mutating func write(symbolOf address: UInt) {
    write(" (")
    unsafe write(cString: symbolName(address))
    write(")")
  }

  mutating func write(_ failure: InstallFailure) {
    write("not loaded: ")
    switch failure {
    case .noSymbol(let name):
      write("this kernel has no ")
      write(name)
      write(", so its lock operations cannot be switched")
    case .noTable:
      write("cannot read ")
      unsafe write(cString: sitesPath())
      write("; make it with 'tidelock guest sites' and pass sites=FILE")
    case .fault(let fault):
      unsafe write(cString: sitesPath())
      write(": ")
      write(fault.sentence)
    case .otherKernel:
      unsafe write(cString: sitesPath())
      write(" was made for another build than ")
      unsafe write(cString: kernelRelease())
      write(" ")
      unsafe write(cString: kernelVersion())
      write("; make it from the vmlinuz that runs")
    case .noMemory: write("no memory for the sites")
    case .foreignOperation(let operation):
      write("a hypervisor or a module has put a ")
      write(operation.name)
      write(" of its own in place, which this module does not know")
    case .unknownBytes(let site, let operation, let found, let expected):
      write(operation.name)
      write(" site ")
      write(address: site)
      write(" holds ")
      write(code: found, count: 6)
      write(", expected ")
      write(code: expected, count: 6)
      write("; is there a kprobe?")
    case .patch(let error): write(error)
    }
  }

  mutating func write(_ failure: SwitchFailure) {
    switch failure {
    case .underWay: write("another switch is under way")
    case .patch(let error): write(error)
    case .notDrained(let implementation):
      write("CPUs were still in the ")
      write(implementation.name)
      write(" slow path when the time was over; raise time_limit or try when there is less load")
    case .notGathered(let cpu):
      write("CPU ")
      write(decimal: Int(cpu))
      write(" did not follow in time; raise time_limit, or stop_mode nmi if NMIs share locks")
    case .notQuiescent(let references):
      write(decimal: UInt64(references))
      write(" references were still counted when the time was over; raise time_limit or try when")
      write(" there is less load")
    case .breakpointsBlocked, .gatheringBlocked, .noFreeSignal, .unsupported:
      write("this kernel's text cannot be switched so")
    }
  }

  mutating func write(_ error: PatchError) {
    switch error {
    case .noSites: write("the site table has no site of the operation")
    case .unknownBytes(let site, let found, let expected):
      write("site ")
      write(address: site)
      write(" holds ")
      write(code: found, count: 5)
      write(", expected ")
      write(code: expected, count: 5)
      write("; is there a kprobe?")
    case .noForm(let site), .straddles(let site), .notWritable(let site):
      write("site ")
      write(address: site)
      write(" cannot be given its new form")
    case .notSerializable: write("the CPUs could not be serialized")
    case .undoRefused(let site):
      write("site ")
      write(address: site)
      write(" could not be put back")
    }
  }
}
