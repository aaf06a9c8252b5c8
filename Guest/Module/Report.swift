import KernelServices
import KernelText
import LockPlatform
import LockSwitching

extension TextBuffer {
  /// Writes one short line about a switch, for the kernel log.
  mutating func writeSummary(of report: SwitchReport, probe: UInt) {
    write(report.from.name)
    write(" -> ")
    write(report.to.name)
    write(" by ")
    write(report.protocol.name)
    write(", asked by ")
    write(report.reason.name)
    write(": ")
    write(report.result.name)
    if report.stepCount > 0 {
      write(" in ")
      write(decimal: report.nanoseconds / 1000)
      write(" us, ")
      write(decimal: report.breakpoints)
      write(" breakpoints, longest stall ")
      write(decimal: report.stallNanoseconds / 1000)
      write(" us")
    }
    guard let failure = report.failure else { return }
    write("; ")
    write(failure, probe: probe)
  }

  /// Writes the report of the last switch as one line of JSON, with the breakpoints that CPUs met and
  /// the reason if it failed.
  mutating func writeLastSwitch() {
    guard let last = unsafe control.last else { return }
    last.writeJSON { write(byte: $0) }
    // Before the closing brace.
    removeLast()
    if let failure = last.failure {
      write(",\"error\":\"")
      write(failure, probe: unsafe control.lastProbe)
      write("\"")
    }
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
        write(decimal: unsafe control.lastBreakpoints[index * 4 + context])
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

  /// Writes the module's state, one value per line.
  ///
  /// Without the lock that a switch holds: each value is as it is when it is read.
  mutating func writeStatus() {
    let state = KernelTarget.currentState
    write("set: ")
    write(state.set.name)
    write("\nboot_set: ")
    write(unsafe control.bootSet.name)
    write("\nkernel: ")
    unsafe write(cString: kernelRelease())
    writeInPlace(state)
    write("\nsites:")
    let sites = unsafe control.sites
    for number in 0..<5 {
      guard let operation = LockOperation(rawValue: UInt8(number)) else { continue }
      var count = 0
      for index in 0..<sites.count where sites[index].operation == operation { count += 1 }
      write(" ")
      write(operation.name)
      write("=")
      write(decimal: count)
    }
    writeHypervisor()
    write("\nswitches:")
    for number in 0..<5 {
      guard let result = SwitchResult(rawValue: UInt8(number)) else { continue }
      write(" ")
      write(result.name)
      write("=")
      write(decimal: unsafe control.results[number])
    }
    let total = SwitchMeasurements.total
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
    if isBlocked() {
      unsafe write(cString: blockingModule())
    } else {
      write("nothing")
    }
  }

  /// What may be in place of each operation: one implementation, or two while a batch is under way.
  private mutating func writeInPlace(_ state: SwitchState) {
    write("\nin_place:")
    for index in LockOperation.switched.indices {
      let operation = LockOperation.switched[index]
      write(" ")
      write(operation.name)
      write("=")
      var rest = state[operation]
      while let implementation = rest.first {
        write(implementation.name)
        rest = rest.without(implementation)
        if !rest.isEmpty { write("|") }
      }
    }
    write("\nsettled: ")
    write(state.isSettled(in: state.set) ? "yes" : "no")
  }

  private mutating func writeHypervisor() {
    write("\nhypervisor: ")
    unsafe write(cString: hypervisorName())
    write(kvmDedicates() ? "\ndedicated_hint: yes" : "\ndedicated_hint: no")
    write(kvmKicks() ? "\npv_unhalt: yes" : "\npv_unhalt: no")
    write(kvmStealTime() ? "\nsteal_time: yes" : "\nsteal_time: no")
    write("\nkick_by: ")
    let kick = unsafe control.kick
    write(kick.name)
    switch kick {
    case .kernel, .kvm: break
    case .interrupt:
      write(
        "\nparavirtual_is_worth: less than where KVM wakes halted CPUs; each kick is an interrupt, "
      )
      write("an NMI to a CPU that waits with interrupts off")
      let names: InlineArray<4, StaticString> = [
        "\nhalts: interrupts_on=", " interrupts_off=", "\nkicks: interrupt=", " nmi=",
      ]
      for number in names.indices {
        write(names[number])
        write(decimal: UInt64(haltCount(Int32(number))))
      }
    }
  }
}
