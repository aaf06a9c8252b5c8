import CodePatching
import KernelServices
import LockPlatform
import LockSwitching

extension KernelMachine: LockStepMachine {
  typealias Code = KernelMemory

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

  static var nanoseconds: UInt64 { nanosecondsNow() }
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
  Measured.hold(until: nanosecondsNow(), since: since)
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
  if outcome.failure != nil, !putBack(work.from) {
    outcome.failure = .patch(.undoRefused(site: 0))
  }
  LockStep<KernelMachine>.letGo()
  return outcome
}

/// Gives every site its old form again before anybody runs: no task ever sees a mixture.
///
/// Breakpoints that NMIs meet meanwhile are emulated (`Transit`).
private func putBack(_ set: LockSet) -> Bool {
  LockStep<KernelMachine>.giveUp()
  let operations: InlineArray<5, LockOperation> = [
    .slowPath, .unlock, .vcpuIsPreempted, .kick, .wait,
  ]
  for index in operations.indices {
    let operation = operations[index]
    do throws(PatchError) {
      try Poke<KernelMemory>.putBack(
        unsafe control.sites, operation, set.implementation(of: operation))
    } catch {
      return false
    }
  }
  return true
}

extension KernelTarget: StopMachineTarget {
  typealias Machine = KernelMachine

  /// Stopper threads are tasks, where preemption was on: no spinlock is held, none waited for.
  static var gathersOutsideSlowPaths: Bool { true }

  static func prepareToGather(_ mode: StopMode) throws(SwitchFailure) {}

  static func gather(
    for work: StopMachineWork<KernelTarget>, _ mode: StopMode
  ) throws(SwitchFailure) -> StopMachineOutcome {
    guard let mapping = TextMapping(sites) else {
      throw .patch(.notWritable(site: sites.site(0).address))
    }
    defer { mapping.end() }
    let before = SlowPathInPlace.now
    // Where breakpoints are emulated because the time was over, NMIs take locks at the gate.
    SlowPathInPlace.set(.gate)
    Transit.purpose = .lockStep
    unsafe Gathering.leader = firstOnline(from: 0)
    unsafe Gathering.work = work
    unsafe Gathering.outcome = nil
    unsafe Gathering.first = LockStep<KernelMachine>.begin(until: work.deadline)
    unsafe Gathering.mapping = mapping
    let isDone = gatherCPUs(inNMI: mode == .nmi)
    unsafe Gathering.mapping = nil
    LockStep<KernelMachine>.letGo()
    unsafe Gathering.leader = .max
    Transit.purpose = .poke
    SlowPathInPlace.set(before)
    guard isDone, let outcome = unsafe Gathering.outcome else { throw .unsupported }
    return outcome
  }
}
