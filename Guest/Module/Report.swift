import KernelServices
import KernelText
import LockPlatform
import LockSwitching

extension TextBuffer {
  /// Writes the report of a switch as one line of JSON, with the reason if it failed.
  mutating func write(_ report: SwitchReport, _ failure: SwitchFailure?) {
    report.writeJSON { write(byte: $0) }
    guard let failure else { return }
    // Before the closing brace.
    removeLast()
    write(",\"error\":\"")
    write(failure)
    write("\"}")
  }

  /// Writes the report of the last switch, with what CPUs met at sites in transit.
  mutating func writeLastSwitch() {
    guard let last = unsafe control.last else { return }
    unsafe write(last, control.lastFailure)
    // Before the closing brace.
    removeLast()
    write(",\"met\":{")
    let names: InlineArray<3, StaticString> = ["breakpoints", "joined", "released"]
    for index in names.indices {
      write(index == 0 ? "\"" : ",\"")
      write(names[index])
      write("\":{")
      for context in 0..<4 {
        write(context == 0 ? "\"" : ",\"")
        write(contextName(context))
        write("\":")
        write(decimal: unsafe control.lastMet[index * 4 + context])
      }
      write("}")
    }
    write("}}")
  }

  private func contextName(_ context: Int) -> StaticString {
    switch context {
    case 0: "task"
    case 1: "softirq"
    case 2: "hardirq"
    default: "nmi"
    }
  }

  /// Writes what the module is and does, one thing a line.
  mutating func writeStatus() {
    let state = unsafe control
    write("set: ")
    write(state.set.name)
    write("\nboot_set: ")
    write(state.bootSet.name)
    write("\nkernel: ")
    unsafe write(cString: kernelRelease())
    write("\nsites:")
    for number in 0..<5 {
      guard let operation = LockOperation(rawValue: UInt8(number)) else { continue }
      var count = 0
      for index in 0..<state.sites.count where state.sites[index].operation == operation {
        count += 1
      }
      write(" ")
      write(operation.name)
      write("=")
      write(decimal: count)
    }
    write("\nkick_by: ")
    switch state.kick {
    case .kernel: write("the kernel's own")
    case .kvm: write("KVM")
    case .interrupt: write("interrupt")
    }
    if state.kick == .interrupt {
      let names: InlineArray<4, StaticString> = [
        "\nhalts: interrupts_on=", " interrupts_off=", "\nkicks: interrupt=", " nmi=",
      ]
      for number in names.indices {
        write(names[number])
        write(decimal: UInt64(haltCount(Int32(number))))
      }
    }
    write("\nswitches:")
    for number in 0..<5 {
      guard let result = SwitchResult(rawValue: UInt8(number)) else { continue }
      write(" ")
      write(result.name)
      write("=")
      write(decimal: state.results[number])
    }
    let total = Measured.total
    let kinds: InlineArray<3, StaticString> = [
      "\nbreakpoints:", "\njoined_lock_step:", "\nreleased_at_breakpoints:",
    ]
    for index in total.indices {
      if index % 4 == 0 { write(kinds[index / 4]) }
      write(" ")
      write(contextName(index % 4))
      write("=")
      write(decimal: total[index])
    }
    write("\nblocked_by: ")
    if let name = unsafe moduleWithSites() {
      unsafe write(cString: name)
    } else {
      write("nothing")
    }
  }
}
