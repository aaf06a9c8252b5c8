import CodePatching
import LockPlatform

// The protocol of the 2020 RFC: every CPU is gathered, then all follow the patching one through the
// states of each site in lock-step. Numbers are the steps of this file:
//
//   1. Where gathered CPUs may be in a slow path (a signal may come anywhere in a program): the
//      gate, and the old slow path drains. In the kernel the gathered CPUs are in task context, so
//      none holds a spinlock or waits for one, and this step is left out.
//   2. Gather. A CPU counts only outside every slow path; otherwise all are let go on, and are asked
//      again.
//   3. For each site: breakpoint, everybody serializes; tail, everybody serializes; first byte,
//      everybody serializes. (DESIGN, "stopMachine".)
//   4. Let go; the gate opens to the new slow path.

/// A system whose CPUs can all be gathered.
public protocol StopMachineTarget: TextTarget {
  /// The CPUs in lock-step.
  associatedtype Machine: LockStepMachine where Machine.Code == Code

  /// Whether a CPU that is gathered is certain to be in no slow path and to hold no lock.
  static var gathersOutsideSlowPaths: Bool { get }

  /// Checks, before anything is written, that every CPU can be gathered.
  static func prepareToGather(_ mode: StopMode) throws(SwitchFailure)

  /// Gathers every CPU, in time or not at all: between `LockStep.begin` and `LockStep.letGo` one
  /// calls `work.lead()` and all others `LockStep.follow()`. Returns when all have gone on.
  static func gather(for work: StopMachineWork<Self>, _ mode: StopMode) throws(SwitchFailure)
    -> StopMachineOutcome
}

/// What is to be done while the system stands still.
public struct StopMachineWork<Target: StopMachineTarget>: Sendable {
  /// The set whose forms the sites hold.
  public let from: LockSet
  /// The set whose forms they get.
  public let to: LockSet
  /// Until when, by the machine's clock.
  public let deadline: UInt64

  /// Work to do.
  public init(from: LockSet, to: LockSet, deadline: UInt64) {
    self.from = from
    self.to = to
    self.deadline = deadline
  }

  /// 3. Gives every site its new form, in lock-step.
  ///
  /// On the patching CPU. If it fails, sites are of either form, none behind a breakpoint that is
  /// not emulated; the caller puts them back. Reentrant: a context nested over it may call it to
  /// have the work finished, and it then only sees what is left.
  @inlinable
  public func lead() -> StopMachineOutcome {
    var outcome = StopMachineOutcome(began: Target.nanoseconds)
    let sites = Target.sites
    for index in LockOperation.all.indices {
      // Upward what unlocks and wakes first, downward last: who is in a paravirtual slow path is
      // woken at all times.
      let operation = LockOperation.all[to == .paravirtual ? index : 4 - index]
      let new = to.implementation(of: operation)
      guard Target.isText(operation), from.implementation(of: operation) != new else { continue }
      for index in 0..<sites.count where sites.site(index).operation == operation {
        let address = sites.site(index).address
        guard let form = sites.form(of: index, as: new) else { continue }
        outcome.sites &+= 1
        guard Target.Code.loadCode(address, count: form.count) != form.bytes else { continue }
        guard LockStep<Target.Machine>.carry(address, form) else {
          outcome.failure = .patch(.notWritable(site: address))
          return outcome
        }
        if LockStep<Target.Machine>.hasGivenUp {
          outcome.failure = .notGathered(thread: Target.Machine.straggler)
          return outcome
        }
      }
    }
    return outcome
  }
}

/// What became of the work.
public struct StopMachineOutcome: Sendable {
  /// When all were gathered.
  public var began: UInt64
  /// Sites that hold their new form, among those that change.
  public var sites: UInt32 = 0
  /// Why not all do.
  public var failure: SwitchFailure?

  /// Nothing done yet; a failure if that remains so.
  @inlinable
  public init(began: UInt64, failure: SwitchFailure? = nil) {
    self.began = began
    self.failure = failure
  }
}

/// Switches by `stopMachine`.
///
/// One caller at a time.
public enum StopMachineSwitch<Target: StopMachineTarget> {
  /// Switches.
  ///
  /// The report says what happened; the failure, if there is one, why not.
  public static func run(_ request: SwitchRequest) -> (SwitchReport, SwitchFailure?) {
    var run = SwitchRun<Target>(request, .stopMachine)
    guard request.from != request.to else { return (run.report, nil) }
    do throws(SwitchFailure) {
      try Target.prepare(Plan.staged(from: request.from, to: request.to), .breakpoint)
      try Target.prepareBreakpoints()
      try Target.prepareToGather(request.options.stopMode)
    } catch {
      return run.refused(error)
    }
    Target.beginMeasuring()
    do throws(SwitchFailure) {
      try `switch`(&run)
      return run.finish(nil)
    } catch {
      return run.finish(error)
    }
  }

  private static func `switch`(_ run: inout SwitchRun<Target>) throws(SwitchFailure) {
    let (old, new) = (run.request.from, run.request.to)
    if new == .paravirtual { try run.pokeHelpers() }
    // 1. From here on nobody joins a queue; those who are in one have their turn.
    if !Target.gathersOutsideSlowPaths {
      try run.enter(.gate)
      try run.drain(old.implementation(of: .slowPath))
    }
    // 2. and 3. What needs memory or locks of the system comes before: who is gathered may hold
    // any of them.
    try run.openText()
    try stop(&run)
    // 4.
    if !Target.gathersOutsideSlowPaths { try run.enter(new.implementation(of: .slowPath)) }
    if old == .paravirtual { try run.pokeHelpers() }
  }

  private static func stop(_ run: inout SwitchRun<Target>) throws(SwitchFailure) {
    let (old, new) = (run.request.from, run.request.to)
    let work = StopMachineWork<Target>(from: old, to: new, deadline: run.deadline)
    let before = Target.nanoseconds
    let outcome = try Target.gather(for: work, run.request.options.stopMode)
    let after = Target.nanoseconds
    run.report.add(
      StepRecord(step: .phase(.gather), nanoseconds: outcome.began &- before, sites: 0))
    if let failure = outcome.failure { throw failure }
    for index in LockOperation.all.indices {
      let operation = LockOperation.all[index]
      guard Target.isText(operation) else { continue }
      let (from, to) = (old.implementation(of: operation), new.implementation(of: operation))
      run.hasPoked(operation)
      guard from != to else { continue }
      run.report.add(
        StepRecord(
          step: .poke(operation, from: from, to: to), nanoseconds: after &- outcome.began,
          sites: Target.sites.count(of: operation)))
    }
  }
}
