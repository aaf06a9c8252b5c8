import KernelText
import LockPlatform
import LockSwitching

extension TextBuffer {
  /// The report of a switch as one line of JSON.
  mutating func write(_ report: SwitchReport, _ failure: SwitchFailure?) {
    write("{\"from\":\"")
    write(report.from)
    write("\",\"to\":\"")
    write(report.to)
    write("\",\"protocol\":\"staged\",\"result\":\"")
    write(report.result)
    write("\",\"reason\":\"")
    switch report.reason {
    case .operator: write("operator")
    case .hint: write("hint")
    case .policy: write("policy")
    }
    write("\",\"microseconds\":")
    write(decimal: report.nanoseconds / 1000)
    write(",\"sites\":")
    write(decimal: UInt64(report.sites))
    write(",\"breakpoints\":")
    write(decimal: report.breakpoints)
    write(",\"longest_stall_microseconds\":")
    write(decimal: report.longestStall / 1000)
    write(",\"steps\":[")
    for index in 0..<report.stepCount {
      if index > 0 { write(",") }
      write(report.step(index))
    }
    write("]")
    if let failure {
      write(",\"error\":\"")
      write(failure)
      write("\"")
    }
    write("}")
  }

  private mutating func write(_ record: StepRecord) {
    write("{\"step\":\"")
    switch record.step {
    case .poke(let operation, let from, let to):
      write("poke ")
      write(operation)
      write(" ")
      write(from)
      write(" to ")
      write(to)
    case .drain(let implementation):
      write("drain ")
      write(implementation)
    }
    write("\",\"microseconds\":")
    write(decimal: record.nanoseconds / 1000)
    write(",\"sites\":")
    write(decimal: UInt64(record.sites))
    write("}")
  }

  private mutating func write(_ result: SwitchResult) { write(name(of: result)) }

  /// What the module is and does, one thing a line.
  mutating func writeStatus() {
    let state = unsafe control
    write("set: ")
    write(state.set)
    write("\nboot_set: ")
    write(state.bootSet)
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
      write(operation)
      write("=")
      write(decimal: count)
    }
    write("\nkick: ")
    switch state.kick {
    case .kernel: write("the kernel's own")
    case .kvm: write("KVM")
    case .interrupt: write("interrupt")
    }
    write("\nswitches:")
    for number in 0..<5 {
      guard let result = SwitchResult(rawValue: UInt8(number)) else { continue }
      write(" ")
      write(result)
      write("=")
      write(decimal: state.results[number])
    }
    write("\nblocked_by: ")
    if let name = unsafe moduleWithSites() {
      unsafe write(cString: name)
    } else {
      write("nothing")
    }
  }

  private func name(of result: SwitchResult) -> StaticString {
    switch result {
    case .done: "done"
    case .unchanged: "unchanged"
    case .refused: "refused"
    case .undone: "undone"
    case .stuck: "stuck"
    }
  }
}
