import CodePatching
import KernelServices
import LockPlatform
import LockSwitching

extension KernelMachine {
  static var lockStepArea: UInt { SharedWords.lockStep }

  static var gathered: GatheredCPU? {
    let cpu = KernelCPU.current
    // Relaxed: this CPU's own.
    let state = load(cpu.following, .relaxed)
    return state == 0
      ? nil : GatheredCPU(acknowledgement: cpu.acknowledgement, state: state)
  }

  static var isLeader: Bool { unsafe Gathering.leader == thisCPU() }

  static func haveAcknowledged(_ state: UInt64) -> Bool {
    let leader = unsafe Gathering.leader
    var cpu = firstOnline(from: 0)
    while cpu < cpuNumbersEnd() {
      if cpu != leader, load(KernelCPU(cpu).acknowledgement, .acquiring) != state {
        store(cpu, to: SharedWords.straggler, .relaxed)
        return false
      }
      cpu = firstOnline(from: cpu &+ 1)
    }
    return true
  }

  static var straggler: Int32 { Int32(bitPattern: load(SharedWords.straggler, .relaxed)) }

  static func serializeThisCore() { serializeCore() }

  static func relax(_: UInt32) { KernelServices.relax() }
}

/// What the gathered CPUs do; set before they are gathered.
enum Gathering {
  /// Where the text is written while they stand still with interrupts off.
  ///
  /// Not by `text_poke`, which takes a spinlock: its own unlock may be the site in transit. And
  /// only NMIs reach a CPU to serialize it.
  nonisolated(unsafe) static var mapping: TextMapping?
  nonisolated(unsafe) static var leader = UInt32.max
  nonisolated(unsafe) static var first: UInt64 = 0
  nonisolated(unsafe) static var work: StopMachineWork<KernelTarget>?
  nonisolated(unsafe) static var outcome: StopMachineOutcome?
}

/// Called on each CPU when all are there, interrupts off.
@_cdecl("tidelock_gathered")
func gathered() {
  let since = nanosecondsNow()
  let cpu = KernelCPU.current
  if KernelMachine.isLeader {
    unsafe Gathering.outcome = lead()
  } else {
    unsafe KernelMachine.store(Gathering.first, to: cpu.following, .relaxed)
    KernelMachine.compilerBarrier()
    LockStep<KernelMachine>.follow()
    KernelMachine.compilerBarrier()
    KernelMachine.store(0, to: cpu.following, .relaxed)
  }
  SwitchMeasurements.stalled(since: since)
}

private func lead() -> StopMachineOutcome {
  guard let work = unsafe Gathering.work else { return StopMachineOutcome(began: 0) }
  var attempt: UInt32 = 0
  while !KernelMachine.haveAcknowledged(unsafe Gathering.first) {
    guard LockStep<KernelMachine>.isUnderWay, nanosecondsNow() < work.deadline else {
      LockStep<KernelMachine>.giveUp()
      return StopMachineOutcome(
        began: nanosecondsNow(), failure: .notGathered(thread: KernelMachine.straggler))
    }
    KernelMachine.relax(attempt)
    attempt &+= 1
  }
  var outcome = work.lead()
  if let failure = outcome.failure {
    // Before any CPU goes on, so that no task ever sees a mixture. Breakpoints that NMIs hit meanwhile
    // are emulated.
    LockStep<KernelMachine>.giveUp()
    if work.putBack() {
      outcome.failure = failure
    } else {
      // Not for what the mapping holds, which is every site. The gate stays closed.
      outcome.failure = .unsound
    }
  }
  LockStep<KernelMachine>.letGo()
  return outcome
}

extension KernelTarget {
  /// Stopper threads are tasks, entered with preemption on: they hold no spinlock and wait for none.
  static var gathersOutsideSlowPaths: Bool { true }

  static func gather(
    for work: StopMachineWork<KernelTarget>, _ mode: StopMode
  ) throws(SwitchFailure) -> StopMachineOutcome {
    // The text is open for writing.
    guard let mapping = unsafe mapping else {
      throw .patch(.notWritable(site: sites.site(0).address))
    }
    let before = work.state.entered
    // Where breakpoints are emulated because it timed out, NMIs take locks at the gate; those that
    // still wait there when all is done leave into the new slow path.
    lead(to: .gate)
    unsafe Gathering.leader = firstOnline(from: 0)
    unsafe Gathering.work = work
    unsafe Gathering.outcome = nil
    unsafe Gathering.first = LockStep<KernelMachine>.begin(until: work.deadline)
    unsafe Gathering.mapping = mapping
    var isDone = false
    TextRecords.around(sites) { isDone = gatherCPUs(inNMI: mode == .nmi) }
    unsafe Gathering.mapping = nil
    LockStep<KernelMachine>.letGo()
    unsafe Gathering.leader = .max
    guard isDone, let outcome = unsafe Gathering.outcome else {
      lead(to: before)
      throw .unsupported
    }
    switch outcome.failure {
    // The runner opens the gate, if the slow path changes.
    case nil: if work.batch[.slowPath] == nil { lead(to: before) }
    case .unsound: break
    default: lead(to: before)
    }
    return outcome
  }
}
