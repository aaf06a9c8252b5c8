import CodePatching
import LockPlatform

// The protocol of the 2020 talk, made sound.
//
//   1. Breakpoint on every site of every operation that sets differ in. From here the handler
//      decides, per hit, which set is emulated.
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

extension SwitchRun {
  @inlinable
  mutating func barrier() throws(SwitchFailure) {
    typealias Machine = Target.Machine
    let wanted = Batch(request.to)
    let text = textOnly(wanted)
    if request.to == .paravirtual {
      try pokeIfAny(memoryOnly(wanted.changing(state), except: .slowPath))
    }
    if let slowPath = wanted.changing(state)[.slowPath] { Target.choose(slowPath) }
    // 1.
    try openText()
    let before = state
    let pokes = BatchPokes(text, of: Target.sites, in: before)
    let sites = try verify(text)
    Target.setCounted(true)
    try step(.phase(.breakpoints)) { run throws(SwitchFailure) in
      run.change { run.setInTransit(text, &$0) }
      do throws(PatchError) {
        try Patcher<Machine.Code>.arm(pokes, everywhere: true)
      } catch {
        throw .patch(error)
      }
      return sites
    }
    // 2. The barrier, ...
    References<Machine>.begin(request.options.accounting)
    try step(.phase(.barrier)) { run throws(SwitchFailure) in
      Target.beginBarrier()
      while !Target.isBarrierPassed() { try run.rest() }
      try run.waitForEachCPU { References<Machine>.hasPassed($0) }
      return 0
    }
    // ... the gate, ...
    enter(.gate)
    try step(.phase(.count)) { run throws(SwitchFailure) in
      // A CPU that was counted for the old set before this is seen after it.
      try Target.fenceEveryCPU()
      // ... the count, and the new set.
      try run.waitForEachCPU { References<Machine>.count($0) == 0 }
      return 0
    }
    References<Machine>.end()
    change { state in
      // No site is executed and no CPU is in a slow path: only what the handler emulates is in place.
      state.occupied = .none
      Self.replace(text, in: &state)
    }
    enter(request.to.implementation(of: .slowPath))
    // 3.
    try step(.poke(from: wanted.replaced(in: before), to: text)) { run throws(SwitchFailure) in
      do throws(PatchError) {
        try Patcher<Machine.Code>.complete(pokes)
      } catch {
        throw .patch(error)
      }
      run.note(text)
      return sites
    }
    change { $0.end(text) }
    endCounting()
    try closeText()
    try pokeIfAny(wanted.changing(state))
  }

  /// Leads whoever comes to the slow path, or waits at the gate, elsewhere.
  @inlinable
  func enter(_ slowPath: Implementation) {
    change { state in
      state.entered = slowPath
      state.occupied = state.occupied.with(slowPath)
      if !Target.isText(.slowPath) { state[.slowPath] = Implementations(slowPath) }
    }
    Target.lead(to: slowPath)
  }

  @inlinable
  func setInTransit(_ batch: Batch, _ state: inout SwitchState) {
    for index in LockOperation.switched.indices {
      let operation = LockOperation.switched[index]
      if batch[operation] != nil { state.setInTransit(operation, true) }
    }
  }

  @inlinable
  static func replace(_ batch: Batch, in state: inout SwitchState) {
    for index in LockOperation.switched.indices {
      let operation = LockOperation.switched[index]
      if let new = batch[operation] { state[operation] = Implementations(new) }
    }
  }

  /// The handler emulates by the set in force no longer; the breakpoints are gone.
  @inlinable
  func endCounting() {
    guard request.protocol == .barrier else { return }
    Target.setCounted(false)
    References<Target.Machine>.end()
  }

  // MARK: Counting

  /// Waits until each CPU has been seen once to satisfy a condition.
  @inlinable
  func waitForEachCPU(_ isSatisfied: (UInt32) -> Bool) throws(SwitchFailure) {
    var seen: UInt32 = 0
    while true {
      let end = Target.Machine.cpuEnd
      while seen < end, isSatisfied(seen) { seen &+= 1 }
      if seen == end { return }
      try rest()
    }
  }

  @inlinable
  func rest() throws(SwitchFailure) {
    guard Target.Machine.nanoseconds < deadline else {
      throw .notQuiescent(references: references)
    }
    Target.rest()
  }

  @inlinable var references: UInt32 {
    var sum: UInt32 = 0
    for cpu in 0..<Target.Machine.cpuEnd { sum &+= References<Target.Machine>.count(cpu) }
    return sum
  }
}
