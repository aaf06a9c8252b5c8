import LockPlatform
import LockSwitching

/// What the demo of a guest goes through, as data.
struct GuestDemoPlan: Sendable {
  struct Phase: Sendable {
    let name: String
    /// The set that is switched to before it, unless it is in force.
    let set: LockSet
  }

  let vcpus: Int
  /// How long all phases last together; switches come on top.
  let seconds: Double
  /// How many switches the soak after the phases makes; zero for no soak.
  let soak: Int
  /// How the guest switches.
  let switchProtocol: SwitchProtocol

  /// From the set that the kernel booted with to each of the others and back.
  let phases = [
    Phase(name: "as booted", set: .native),
    Phase(name: "switched", set: .paravirtual),
    Phase(name: "switched back", set: .native),
    Phase(name: "switched", set: .testAndSet),
    Phase(name: "switched back", set: .native),
  ]

  var phaseLength: Duration { .seconds(seconds / Double(phases.count)) }

  /// The set of a switch of the soak, by its number.
  func soakSet(_ number: Int) -> LockSet { number.isMultiple(of: 2) ? .paravirtual : .native }

  /// After how long the module undoes a switch: the host is oversubscribed on purpose, and may have
  /// more to do than this.
  let switchLimit = Duration.seconds(60)
  /// How long the demo waits for one, its undoing included.
  var switchPatience: Duration { switchLimit * 4 }
  /// Between two NMIs from the monitor.
  let nmiPeriod = Duration.milliseconds(100)

  /// After so many seconds QEMU is ended, whatever happens.
  var lifetime: Int {
    let switches = phases.count + soak
    return 900 + Int(seconds) + switches * Int(switchLimit / .seconds(1))
  }
}
