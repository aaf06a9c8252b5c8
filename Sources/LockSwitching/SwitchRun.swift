import CodePatching
import LockPlatform

/// A switch under way: what all protocols share.
///
/// It owns refusal, preparation, measuring, the deadline, undo and the report; a protocol supplies how
/// its steps are done. Whatever can be refused is refused before anything can be seen; the state says
/// at all times what may have been done; and undo is a plan from the state as it then is.
///
/// The switching CPU may be descheduled anywhere for any time: every state it goes through is sound.
@frozen public struct SwitchRun<Target: SwitchTarget> {
  @usableFromInline let request: SwitchRequest
  @usableFromInline var report: SwitchReport
  @usableFromInline let began: UInt64
  @usableFromInline let first: SwitchState
  @usableFromInline var isUndoing = false
  @usableFromInline var textIsOpen = false

  // MARK: Running

  /// Switches by the protocol that the request names.
  ///
  /// One caller at a time. The report says what happened, and the failure in it why not.
  @inlinable
  public static func run(_ request: SwitchRequest) -> SwitchReport {
    run(request, plannedBy: { Plan(from: $0, to: $1) })
  }

  /// Switches by plans that are made otherwise, sound or not: for the model checker and for tests.
  @inlinable
  public static func run(
    _ request: SwitchRequest, plannedBy plan: (SwitchState, LockSet) -> Plan
  ) -> SwitchReport {
    var run = SwitchRun(request)
    if run.state.isSettled(in: request.to) { return run.report }
    do throws(SwitchFailure) {
      try run.prepare()
    } catch {
      run.report.fail(error)
      run.report.end(.refused, nanoseconds: Target.Machine.nanoseconds &- run.began)
      return run.report
    }
    Target.beginMeasuring()
    do throws(SwitchFailure) {
      switch request.protocol {
      case .staged: try run.follow(plan(run.state, request.to), until: run.deadline)
      case .stopMachine: try run.stopMachine()
      case .barrier: try run.barrier()
      }
      // Closing may fail as well.
      try run.closeText()
    } catch {
      run.report.fail(error)
    }
    run.end(plan)
    return run.report
  }

  /// Goes to test-and-set without writing text, for code that comes with native unlocks and cannot be
  /// written: sites keep what they hold, and any of them is sound beside test-and-set.
  ///
  /// For a target whose slow path is not text. The caller is the one that switches. Afterwards a
  /// native unlock counts as in place; the next switch writes every site, or is refused.
  @inlinable
  public static func leaveQueues(timeLimit: UInt64) -> SwitchReport {
    let plan = { Plan(from: $0, to: $1, keepingUnlock: true) }
    var run = SwitchRun(
      SwitchRequest(to: .testAndSet, poking: .store, timeLimit: timeLimit, reason: .policy))
    Target.beginMeasuring()
    do throws(SwitchFailure) {
      guard run.state.isSound else { throw .unsound }
      try run.follow(plan(run.state, .testAndSet), until: run.deadline)
      run.change { $0[.unlock] = $0[.unlock].with(.native) }
    } catch {
      run.report.fail(error)
    }
    run.end(plan)
    return run.report
  }

  @inlinable
  init(_ request: SwitchRequest) {
    self.request = request
    began = Target.Machine.nanoseconds
    first = SwitchState(bits: Target.Machine.load(Target.state, .relaxed))
    report = SwitchReport(request, from: first.set)
  }

  /// Whatever may be refused: the state, the way to reach CPUs, every site of every operation.
  @inlinable
  mutating func prepare() throws(SwitchFailure) {
    guard state.isSound else { throw .unsound }
    try Target.prepare(request)
    try Target.openText(forWriting: false)
    let failure: SwitchFailure?
    do throws(SwitchFailure) {
      guard Target.sites.count > 0 else { throw .patch(.noSites) }
      // In one pass: every site of every operation, those that are never switched included; and every
      // form that the way may need, the gate's as well.
      _ = try verify(Batch(holding: state).changed(by: textOnly(Batch(request.to))))
      failure = nil
    } catch {
      failure = error
    }
    try Target.closeText()
    if let failure { throw failure }
  }

  @inlinable
  mutating func end(_ plan: (SwitchState, LockSet) -> Plan) {
    let result: SwitchResult
    if report.failure == nil {
      change { $0.set = request.to }
      result = .done
    } else {
      result = undo(plan)
    }
    report.end(result, nanoseconds: Target.Machine.nanoseconds &- began)
    report.measured(Target.measured)
  }

  /// Goes back: from the state as it is now to the set that was in force, in a time of its own.
  @inlinable
  mutating func undo(_ plan: (SwitchState, LockSet) -> Plan) -> SwitchResult {
    isUndoing = true
    let now = state
    // It failed before anything could be seen.
    if report.stepCount == 0, now == first, !textIsOpen { return .refused }
    var isDone = true
    if !now.isSettled(in: now.set) {
      do throws(SwitchFailure) {
        try follow(
          plan(now, now.set), until: request.deadline(from: Target.Machine.nanoseconds))
      } catch {
        isDone = false
      }
    }
    endCounting()
    do throws(SwitchFailure) {
      try closeText()
    } catch {
      isDone = false
    }
    return isDone ? .undone : .stuck
  }

  // MARK: The state

  @inlinable var state: SwitchState {
    SwitchState(bits: Target.Machine.load(Target.state, .relaxed))
  }

  /// Relaxed: only the switching CPU writes it, and others read it as advice, or while it stands
  /// still.
  @inlinable
  func change(_ body: (inout SwitchState) -> Void) {
    var state = state
    body(&state)
    Target.Machine.store(state.bits, to: Target.state, .relaxed)
  }

  @inlinable var deadline: UInt64 { request.deadline(from: began) }

  // MARK: Steps of a plan

  /// Carries out a plan, one step after the other.
  @inlinable
  mutating func follow(_ plan: Plan, until deadline: UInt64) throws(SwitchFailure) {
    for index in 0..<plan.count {
      switch plan[index] {
      case .poke(let batch): try poke(batch)
      case .drain: try drain(until: deadline)
      }
    }
  }

  /// Puts a batch in place.
  ///
  /// What closes the gate is published before the text is written: it is sound beside everything, and
  /// a site must not call a gate that leads on. What opens it is published last, after every site was
  /// verified and written: nothing can be refused any more.
  @inlinable
  mutating func poke(_ batch: Batch) throws(SwitchFailure) {
    let before = state
    let text = textOnly(batch)
    let slowPath = batch[.slowPath]
    let kind = StepKind.poke(from: batch.replaced(in: before), to: batch)
    try step(kind) { run throws(SwitchFailure) in
      if let slowPath, slowPath != .gate { Target.choose(slowPath) }
      var written: UInt32 = 0
      let opens = !text.isEmpty && !run.textIsOpen
      if opens { try run.openText() }
      do throws(SwitchFailure) {
        if !text.isEmpty { written = try run.verify(text) }
        run.change { $0.begin(batch) }
        if slowPath == .gate { Target.lead(to: .gate) }
        if !text.isEmpty { try run.write(text, in: before) }
      } catch {
        // The failure that came first is the one to report; what cannot be closed now is found again
        // by the next step that opens it.
        if opens { try? run.closeText() }
        throw error
      }
      if opens { try run.closeText() }
      run.putMemory(batch)
      if let slowPath, slowPath != .gate { Target.lead(to: slowPath) }
      run.change { $0.end(batch) }
      return written
    }
  }

  @inlinable
  func write(_ text: Batch, in before: SwitchState) throws(SwitchFailure) {
    do throws(PatchError) {
      try Patcher<Target.Machine.Code>.poke(
        BatchPokes(text, of: Target.sites, in: before), request.pokeMethod)
    } catch {
      throw .patch(error)
    }
    note(text)
  }

  @inlinable
  func note(_ text: Batch) {
    for index in LockOperation.switched.indices {
      let operation = LockOperation.switched[index]
      if let new = text[operation] { Target.note(operation, holds: new) }
    }
  }

  @inlinable
  func putMemory(_ batch: Batch) {
    for index in LockOperation.switched.indices {
      let operation = LockOperation.switched[index]
      guard operation != .slowPath, !Target.isText(operation), let new = batch[operation] else {
        continue
      }
      Target.put(operation, new)
    }
  }

  @inlinable
  mutating func drain(until deadline: UInt64) throws(SwitchFailure) {
    let body = state.occupied.first ?? .gate
    try step(.drain(body)) { run throws(SwitchFailure) in
      try Target.beginDrain()
      while !Target.isDrained() {
        guard Target.Machine.nanoseconds < deadline else { throw .notDrained(body) }
        Target.rest()
      }
      run.change { $0.endDrain() }
      return 0
    }
  }

  /// Does a step and measures it; the body says how many sites it wrote.
  @inlinable
  mutating func step(
    _ kind: StepKind, _ body: (inout SwitchRun) throws(SwitchFailure) -> UInt32
  ) throws(SwitchFailure) {
    let before = Target.Machine.nanoseconds
    let sites = try body(&self)
    report.add(
      ReportStep(
        kind: kind, isUndo: isUndoing, nanoseconds: Target.Machine.nanoseconds &- before,
        sites: sites))
  }

  // MARK: Text

  @inlinable
  mutating func openText() throws(SwitchFailure) {
    try Target.openText(forWriting: true)
    textIsOpen = true
  }

  /// Closes the text if it is open.
  @inlinable
  mutating func closeText() throws(SwitchFailure) {
    guard textIsOpen else { return }
    textIsOpen = false
    try Target.closeText()
  }

  /// Compares the sites of a batch's operations with what the state says they hold, and looks whether
  /// each has the form that the batch wants.
  @inlinable
  func verify(_ text: Batch) throws(SwitchFailure) -> UInt32 {
    do throws(PatchError) {
      return try Patcher<Target.Machine.Code>.verify(
        BatchPokes(text, of: Target.sites, in: state), request.pokeMethod)
    } catch {
      throw .patch(error)
    }
  }

  /// The part of a batch that is at sites.
  @inlinable
  func textOnly(_ batch: Batch) -> Batch {
    var text = batch
    for index in LockOperation.all.indices where !Target.isText(LockOperation.all[index]) {
      text[LockOperation.all[index]] = nil
    }
    return text
  }
}
