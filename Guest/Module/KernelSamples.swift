import KernelServices
import SwitchPolicy

/// The policy's input: the kernel's own accounting of time, and the hint.
struct KernelSamples {
  private var time: UInt64 = 0
  private var stolen: Int64 = 0
  private var ran: Int64 = 0
  private var late: LateBooking

  init() {
    // A CPU's steal is accounted for at its next tick, when it has a CPU of its host again.
    late = LateBooking(longest: 2_000_000_000)
    _ = look()
  }

  /// What happened since the last look, or since the beginning.
  mutating func look() -> PolicySample {
    let now = nanosecondsNow()
    var newStolen: Int64 = 0
    var newRan: Int64 = 0
    let cpus = unsafe cpuTimes(&newStolen, &newRan)
    let sample = PolicySample(
      time: now, elapsed: now &- time, cpus: cpus,
      waited: stealIsCounted() ? newStolen &- stolen : nil, ran: newRan &- ran, hint: hint)
    time = now
    stolen = newStolen
    ran = newRan
    return late.book(sample)
  }

  private var hint: DedicationHint {
    switch kvmHint() {
    case 2: .dedicated
    case 1: .none
    default: .unknown
    }
  }
}
