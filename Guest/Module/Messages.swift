import CodePatching
import GuestSiteTable
import KernelServices
import KernelText
import LockPlatform
import LockSwitching

/// Writes a line to the kernel log; lines that may come often are rate-limited.
func withLine(often: Bool = false, _ body: (inout TextBuffer) -> Void) {
  // A line of the log is no longer than this.
  var memory: InlineArray<900, UInt8> = .init(repeating: 0)
  var span = memory.mutableSpan
  // The buffer ends before the memory does.
  unsafe span.withUnsafeMutableBufferPointer { buffer in
    guard let base = buffer.baseAddress else { return }
    var line = unsafe TextBuffer(base, capacity: buffer.count)
    body(&line)
    if often {
      unsafe kernelLogOften(base, Int32(line.count))
    } else {
      unsafe kernelLog(base, Int32(line.count))
    }
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
    case .probed(let site, let operation, let probe):
      write(operation.name)
      write(" ")
      write(probeAt: probe, covers: site)
    case .unknownBytes(let site, let operation, let found, let expected):
      write(operation.name)
      write(" ")
      write(site: site, holds: found, insteadOf: expected, count: KernelForms.siteLength)
    case .patch(let error): write(error, probe: 0)
    case .missing(let site, let operation):
      unsafe write(cString: sitesPath())
      write(" lacks the ")
      write(operation.name)
      write(" site ")
      write(address: site)
      write("; make it again with 'tidelock guest sites'")
    case .obstacle(let obstacle): write(obstacle.sentence)
    }
  }

  mutating func write(_ failure: SwitchFailure, probe: UInt) {
    switch failure {
    case .underWay: write("another switch is under way; try again")
    case .patch(let error): write(error, probe: probe)
    case .notDrained(let implementation):
      write("CPUs were still in the ")
      write(implementation.name)
      write(" slow path at the deadline; raise time_limit or try under less load")
    case .notGathered(let cpu):
      write("CPU ")
      write(decimal: Int(cpu))
      write(
        " did not follow in time; raise time_limit, or choose stop_mode nmi if NMIs share locks")
    case .notQuiescent(let references):
      write(decimal: UInt64(references))
      write(
        " references were still counted at the deadline; raise time_limit or try under less load")
    case .unsound:
      write("an earlier failure left lock operations that cannot be mixed; restart this guest")
    case .breakpointsBlocked, .gatheringBlocked, .noFreeSignal, .unchecked, .unsupported, .exiting,
      .noMemory:
      write("this kernel's text cannot be switched this way; choose another protocol")
    }
  }

  mutating func write(_ error: PatchError, probe: UInt) {
    switch error {
    case .noSites: write("the site table has no sites; make it with 'tidelock guest sites'")
    case .unknownBytes(let site, let found, let expected):
      write(site: site, holds: found, insteadOf: expected, count: 5)
    case .noForm(let site), .straddles(let site):
      write("site ")
      write(address: site)
      write(" is too far from what it must call, so this kernel cannot be switched")
    case .notWritable(let site), .notProtected(let site):
      if probe == 0 {
        write("there is no memory to map site ")
        write(address: site)
        write("; try again")
      } else {
        write(probeAt: probe, covers: site)
      }
    case .notSerializable: write("the CPUs could not be serialized; try again")
    }
  }

  private mutating func write(
    site: UInt, holds found: UInt64, insteadOf expected: UInt64, count: Int
  ) {
    write("site ")
    write(address: site)
    write(" holds ")
    write(code: found, count: count)
    write(", expected ")
    write(code: expected, count: count)
    write("; remove whatever else patches this kernel's text there")
  }

  private mutating func write(probeAt probe: UInt, covers site: UInt) {
    write("site ")
    write(address: site)
    write(" is covered by the kprobe at ")
    write(address: probe)
    write("; remove that probe")
  }
}
