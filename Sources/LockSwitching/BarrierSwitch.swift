import CodePatching
import LockPlatform

// The protocol of the 2020 talk, made sound. Numbers are DESIGN's ("barrier"):
//
//   1. Breakpoint on every site of every operation. From here the handler decides, per hit, which
//      set is emulated.
//   2. Each CPU passes a barrier and counts from then on: operations while they run, and, if so
//      asked for, each slow-path acquisition until its unlock. When all have passed, slow-path
//      entries wait at a gate; when the count is zero, the handler emulates the new set.
//   3. Tails, then first bytes.
//
// What makes it sound where the text leaves it open:
//
// - The set is one word. Handler and slow-path entry read it after they are counted, and it has a
//   third value between the old and the new set: the gate, at which one does only what is sound
//   beside both (test-and-set; the paravirtual unlock), uncounted. So "is the count zero" and
//   "change the set" need not be one instruction: after the gate is in place and every CPU has
//   executed a full barrier, nobody becomes counted for the old set any more, and each CPU's count,
//   seen zero once, stays zero for it. A CPU that read the old set and was descheduled before it
//   acted was counted before it read.
// - Each CPU counts for itself; nobody writes another's counter.
// - Acquisitions are kept by address, not by nesting level (References.swift).
// - The barrier. The text has each CPU pass it where it holds no spinlock, which a kernel knows by
//   the context. In a program nobody can know it: the fast path is inlined and unseen, and so is
//   every unlock before the breakpoints stand, so of a lock that was taken by the slow path before
//   step 1 nothing tells whether it is still held. What is needed is less. Mixtures are about
//   bodies; a holder's plain byte is understood by both sets. The barrier is passed where a CPU is
//   in no operation, and what it then holds is not counted, neither now nor at its unlock, which
//   finds no reference kept. Everything later is known exactly: every slow-path entry and, because
//   the breakpoints stand already, every unlock is seen.

/// A system in which breakpoints can stand for a while, and CPUs can be counted.
public protocol BarrierTarget: TextTarget {
  /// The CPUs that are counted.
  associatedtype Machine: ReferenceMachine

  /// Begins to lead each CPU to where it is in no operation that it entered uncounted, before the
  /// breakpoints stood; there it calls `References.pass`. By default there is nothing to do: all
  /// operations that matter are counted at all times.
  static func beginBarrier()

  /// Whether every CPU has been there since. Acquiring.
  static func isBarrierPassed() -> Bool

  /// Returns when every CPU has executed a full memory barrier since the call.
  static func fenceEveryCPU() throws(SwitchFailure)

  /// From now on the handler emulates by `Counted`, or no longer does.
  static func setCounted(_ isCounted: Bool)
}

extension BarrierTarget {
  /// Nothing to do.
  public static func beginBarrier() {}

  /// Nobody was uncounted.
  public static func isBarrierPassed() -> Bool { true }
}

/// Switches by `barrier`.
///
/// One caller at a time. It may be descheduled anywhere; what everybody else then does costs a
/// breakpoint for each unlock.
public enum BarrierSwitch<Target: BarrierTarget> {
  private typealias Machine = Target.Machine

  /// Switches.
  ///
  /// The report says what happened; the failure, if there is one, why not: `.notQuiescent` if the
  /// count did not fall to zero in time.
  public static func run(_ request: SwitchRequest) -> (SwitchReport, SwitchFailure?) {
    var run = SwitchRun<Target>(request, .barrier)
    guard request.from != request.to else { return (run.report, nil) }
    do throws(SwitchFailure) {
      try Target.prepare(Plan.staged(from: request.from, to: request.to), request.method)
      try Target.prepareBreakpoints()
    } catch {
      return run.refused(error)
    }
    Target.beginMeasuring()
    let failure: SwitchFailure?
    do throws(SwitchFailure) {
      try `switch`(&run)
      failure = nil
    } catch {
      failure = error
    }
    return run.finish(failure) {
      Target.setCounted(false)
      References<Machine>.end()
    }
  }

  private static func `switch`(_ run: inout SwitchRun<Target>) throws(SwitchFailure) {
    let (old, new) = (run.request.from, run.request.to)
    if new == .paravirtual { try run.pokeHelpers() }
    // 1.
    try run.openText()
    Target.setCounted(true)
    try run.step(.phase(.breakpoints)) { () throws(SwitchFailure) in
      try eachTextOperation { operation, sites throws(PatchError) in
        try Poke<Target.Code>.arm(sites, operation, holding: old.implementation(of: operation))
      }
      return UInt32(Target.sites.count)
    }
    // 2. The barrier, ...
    References<Machine>.begin(run.request.options.accounting)
    let deadline = run.deadline
    try run.step(.phase(.barrier)) { () throws(SwitchFailure) in
      Target.beginBarrier()
      while !Target.isBarrierPassed() { try rest(until: deadline) }
      try waitForEachCPU(until: deadline) { References<Machine>.hasPassed($0) }
      return 0
    }
    // ... the gate, ...
    try run.enter(.gate)
    try run.step(.phase(.count)) { () throws(SwitchFailure) in
      // Who was counted for the old set before this is seen after it.
      try Target.fenceEveryCPU()
      // ... the count, and the new set.
      try waitForEachCPU(until: deadline) { References<Machine>.count($0) == 0 }
      return 0
    }
    References<Machine>.end()
    try run.enter(new.implementation(of: .slowPath))
    // 3.
    let before = Target.nanoseconds
    try eachTextOperation { operation, sites throws(PatchError) in
      try Poke<Target.Code>.complete(sites, operation, as: new.implementation(of: operation))
    }
    Target.setCounted(false)
    for index in LockOperation.all.indices {
      let operation = LockOperation.all[index]
      guard Target.isText(operation) else { continue }
      run.hasPoked(operation)
      run.report.add(
        StepRecord(
          step: .poke(
            operation, from: old.implementation(of: operation),
            to: new.implementation(of: operation)), nanoseconds: Target.nanoseconds &- before,
          sites: Target.sites.count(of: operation)))
    }
    if old == .paravirtual { try run.pokeHelpers() }
  }

  /// Does something with the sites of each operation that is text.
  private static func eachTextOperation(
    _ body: (LockOperation, Target.Sites) throws(PatchError) -> Void
  ) throws(SwitchFailure) {
    let sites = Target.sites
    for index in LockOperation.all.indices where Target.isText(LockOperation.all[index]) {
      do throws(PatchError) {
        try body(LockOperation.all[index], sites)
      } catch {
        throw .patch(error)
      }
    }
  }

  // MARK: Counting

  /// Waits until each CPU has been seen once to satisfy a condition.
  private static func waitForEachCPU(
    until deadline: UInt64, _ isSatisfied: (UInt32) -> Bool
  ) throws(SwitchFailure) {
    var seen: UInt32 = 0
    while true {
      let end = Machine.cpuEnd
      while seen < end, isSatisfied(seen) { seen &+= 1 }
      if seen == end { return }
      try rest(until: deadline)
    }
  }

  private static func rest(until deadline: UInt64) throws(SwitchFailure) {
    guard Target.nanoseconds < deadline else { throw .notQuiescent(references: references) }
    Target.rest()
  }

  private static var references: UInt32 {
    var sum: UInt32 = 0
    for cpu in 0..<Machine.cpuEnd { sum &+= References<Machine>.count(cpu) }
    return sum
  }
}
