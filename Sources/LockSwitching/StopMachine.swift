import CodePatching
import LockPlatform

// The protocol of the 2020 RFC: every CPU is gathered, then all follow the patching one through the
// states of each site in lock-step.
//
//   1. Where gathered CPUs may be in a slow path (a signal may come anywhere in a program): the
//      gate, and the old slow path drains. In the kernel the gathered CPUs are in task context, so
//      none holds a spinlock or waits for one, and this step is left out.
//   2. Gather. A CPU counts only outside every slow path; otherwise all are let go on, and are asked
//      again.
//   3. For each site: breakpoint, everybody serializes; tail, everybody serializes; first byte,
//      everybody serializes.
//   4. Let go; the gate opens to the new slow path.

extension SwitchRun {
  @inlinable
  mutating func stopMachine() throws(SwitchFailure) {
    let wanted = Batch(request.to)
    let changes = wanted.changing(state)
    // What is not text, of what must be there before the first sleeper.
    if request.to == .paravirtual { try pokeIfAny(memoryOnly(changes, except: .slowPath)) }
    if Target.gathersOutsideSlowPaths {
      if let slowPath = changes[.slowPath] { Target.choose(slowPath) }
    } else {
      // 1. From here on nobody joins a queue; those who are in one acquire their lock and leave.
      try pokeIfAny(Batch(slowPath: .gate).changing(state))
      try drain(until: deadline)
    }
    // 2. and 3. What needs memory or locks of the system comes before: a CPU that is gathered may
    // hold any of them.
    let text = textOnly(wanted).changing(state)
    if !text.isEmpty { try gather(text) }
    // 4.
    try pokeIfAny(wanted.changing(state))
  }

  @inlinable
  mutating func gather(_ text: Batch) throws(SwitchFailure) {
    try openText()
    let sites = try verify(text)
    let before = state
    let work = StopMachineWork<Target>(text, in: before, deadline: deadline)
    let began = Target.Machine.nanoseconds
    change { $0.begin(text) }
    let outcome: StopMachineOutcome
    do throws(SwitchFailure) {
      outcome = try Target.gather(for: work, request.options.stopMode)
    } catch {
      // Nobody came: nothing was written.
      change { $0 = before }
      throw error
    }
    let ended = Target.Machine.nanoseconds
    report.add(
      ReportStep(
        kind: .phase(.gather), isUndo: false, nanoseconds: outcome.began &- began, sites: 0))
    if let failure = outcome.failure {
      // Every site was put back, unless that was refused as well: then any of them may hold either form.
      if Target.gathersOutsideSlowPaths, failure != .unsound { change { $0 = before } }
      throw failure
    }
    note(text)
    change { state in
      state.end(text)
      // All were gathered outside every slow path.
      state.endDrain()
    }
    if let slowPath = text[.slowPath] { Target.lead(to: slowPath) }
    report.add(
      ReportStep(
        kind: .poke(from: text.replaced(in: before), to: text), isUndo: false,
        nanoseconds: ended &- outcome.began, sites: sites))
    try closeText()
  }

  @inlinable
  mutating func pokeIfAny(_ batch: Batch) throws(SwitchFailure) {
    if !batch.isEmpty { try poke(batch) }
  }

  /// The part of a batch that is not at sites, except one operation.
  @inlinable
  func memoryOnly(_ batch: Batch, except left: LockOperation) -> Batch {
    var memory = batch
    for index in LockOperation.all.indices {
      let operation = LockOperation.all[index]
      if operation == left || Target.isText(operation) { memory[operation] = nil }
    }
    return memory
  }
}

extension Batch {
  /// A change of the slow path alone.
  @usableFromInline
  init(slowPath: Implementation) {
    self.init()
    self[.slowPath] = slowPath
  }
}

/// What is to be done while the system stands still.
@frozen public struct StopMachineWork<Target: SwitchTarget>: Sendable {
  /// The operations whose sites change.
  public let batch: Batch
  /// What they held before.
  public let state: SwitchState
  /// Until when, by the machine's clock.
  public let deadline: UInt64

  /// Work to do.
  public init(_ batch: Batch, in state: SwitchState, deadline: UInt64) {
    self.batch = batch
    self.state = state
    self.deadline = deadline
  }

  /// 3. Gives every site its new form, in lock-step.
  ///
  /// On the patching CPU. If it fails, sites are of either form, or behind a breakpoint that is
  /// emulated. Reentrant: a context nested over it may call it to have the work finished, and it then
  /// only sees what is left.
  @inlinable
  public func lead() -> StopMachineOutcome {
    var outcome = StopMachineOutcome(began: Target.Machine.nanoseconds)
    // Upward what unlocks and wakes first, downward last: a CPU in a paravirtual slow path is woken
    // at all times.
    let isUpward = batch[.slowPath] == .paravirtual || batch[.unlock] == .paravirtual
    for index in LockOperation.switched.indices {
      let operation = LockOperation.switched[isUpward ? index : 3 - index]
      guard let new = batch[operation] else { continue }
      outcome.failure = carry(operation, to: new)
      if outcome.failure != nil { return outcome }
    }
    return outcome
  }

  /// Gives every site its old form again, from whatever it holds: before any CPU runs.
  ///
  /// Not in lock-step: `serializeCores` needs no CPU's help.
  @inlinable
  public func putBack() -> Bool {
    let old = batch.replaced(in: state)
    do throws(PatchError) {
      try Patcher<Target.Machine.Code>.poke(
        BatchPokes(old, of: Target.sites, in: state), .breakpoint)
      return true
    } catch {
      return false
    }
  }

  @inlinable
  func carry(_ operation: LockOperation, to new: Implementation) -> SwitchFailure? {
    let sites = Target.sites
    for index in 0..<sites.count where sites.site(index).operation == operation {
      let address = sites.site(index).address
      guard let form = sites.form(of: index, as: new),
        Target.Machine.Code.loadCode(address, count: form.count) != form.bytes
      else { continue }
      guard LockStep<Target.Machine>.carry(address, form) else {
        return .patch(.notWritable(site: address))
      }
      if LockStep<Target.Machine>.hasGivenUp {
        return .notGathered(thread: Target.Machine.straggler)
      }
    }
    return nil
  }
}

/// What became of the work.
@frozen public struct StopMachineOutcome: Sendable {
  /// When all were gathered.
  public var began: UInt64
  /// Why not every site holds its new form.
  public var failure: SwitchFailure?

  /// Nothing done yet; a failure if that remains so.
  @inlinable
  public init(began: UInt64, failure: SwitchFailure? = nil) {
    self.began = began
    self.failure = failure
  }
}
