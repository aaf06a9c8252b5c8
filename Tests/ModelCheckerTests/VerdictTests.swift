import LockPlatform
import ModelChecker
import Synchronization
import Testing

private typealias Body = @convention(c) (UInt32) -> Void

private let x = unsafe Location<UInt64>(address: 0x1_0000)
private let y = unsafe Location<UInt64>(address: 0x1_0008)

private func model(
  _ bodies: [Body], handler: Body? = nil, interrupts: Int = 0,
  _ memoryModel: MemoryModel = .sequentialConsistency,
  atEnd: @escaping @Sendable (FinalMemory) -> String? = { _ in nil }
) -> ModelProgram {
  var layout = WordLayout()
  _ = layout.add("x")
  _ = layout.add("y")
  return ModelProgram(
    name: "verdicts",
    cpus: bodies.map { CPUProgram($0, handler: handler, interrupts: interrupts) },
    memoryModel: memoryModel, layout: layout, atEnd: atEnd)
}

private let addsOne: Body = { _ in
  Simulated.store(Simulated.load(x, .relaxed) &+ 1, to: x, .relaxed)
}

private let twoUpdates: @Sendable (FinalMemory) -> String? = {
  $0.read(x.address) == 2 ? nil : "lost update"
}

/// What each verdict is given for, and what is not taken for one.
@Suite(.serialized) struct VerdictTests {
  @Test func lostUpdate() throws {
    let program = model([addsOne, addsOne], atEnd: twoUpdates)
    guard case .fails(let failure) = Exhaustive.explore(program).verdict else {
      Issue.record("not found")
      return
    }
    #expect(failure.flaw == .assertion("lost update"))
    // Read, read, write, write: one preemption.
    let short = Shortening.shorten(failure, of: program)
    #expect(short.schedule.map(\.description) == ["0", "1", "1", "0"])
    var words: [String?] = []
    #expect(try Replay.run(program, short.schedule) { words.append($0.word) } == failure.flaw)
    #expect(words == ["x", "x", "x", "x"])
    #expect(throws: Replay.Problem.impossible(index: 4)) {
      try Replay.run(program, short.schedule + short.schedule)
    }
  }

  /// An access is looked at as it takes effect, with what its CPU sees then: its own stores before
  /// others see them.
  @Test func watchedAccess() {
    let storesAndLoads: Body = { _ in
      Simulated.store(1, to: x, .relaxed)
      _ = Simulated.load(y, .relaxed)
    }
    let loads: Body = { _ in _ = Simulated.load(y, .relaxed) }
    let stores: Body = { _ in Simulated.store(1, to: x, .relaxed) }
    let flaw = "y was touched after x was set"
    func verdict(_ bodies: [Body], _ memoryModel: MemoryModel) -> Verdict {
      var program = model(bodies, memoryModel)
      program.watch = { $0.address == y.address && $0.read(x.address) == 1 ? flaw : nil }
      return Exhaustive.explore(program).verdict
    }
    for memoryModel in MemoryModel.allCases {
      for bodies in [[storesAndLoads], [stores, loads]] {
        guard case .fails(let failure) = verdict(bodies, memoryModel) else {
          Issue.record("not found")
          continue
        }
        #expect(failure.flaw == .assertion(flaw))
      }
      #expect(verdict([loads, loads], memoryModel) == .holds)
    }
  }

  @Test func lostUpdateAtRandom() {
    let program = model([addsOne, addsOne], atEnd: twoUpdates)
    let one = RandomWalk.explore(program, schedules: 1000, seed: 1)
    guard case .fails = one.verdict else {
      Issue.record("not found")
      return
    }
    #expect(RandomWalk.explore(program, schedules: 1000, seed: 1).verdict == one.verdict)
  }

  /// Reading, being preempted, and writing: one preemption, not none.
  @Test func lostUpdateTakesOnePreemption() {
    let program = model([addsOne, addsOne], atEnd: twoUpdates)
    #expect(
      PreemptionBounded.explore(program, preemptions: 0).verdict == .cut(.preemptions))
    guard case .fails(let failure) = PreemptionBounded.explore(program, preemptions: 1).verdict
    else {
      Issue.record("not found")
      return
    }
    #expect(failure.flaw == .assertion("lost update"))
  }

  @Test func lockedUpdatesAreNotLost() {
    let body: Body = { _ in
      var seen: UInt64 = 0
      while true {
        let old = Simulated.compareExchange(x, expected: seen, desired: seen &+ 1, .relaxed)
        if old == seen { return }
        seen = old
      }
    }
    let exploration = Exhaustive.explore(model([body, body], .totalStoreOrder, atEnd: twoUpdates))
    #expect(exploration.verdict == .holds)
  }

  /// Spinning for what nobody will write is a deadlock, not an endless search.
  @Test func spinningForNothingIsADeadlock() {
    let body: Body = { _ in _ = Simulated.spin(x, .acquiring) { $0 != 0 } }
    guard case .fails(let failure) = Exhaustive.explore(model([body])).verdict else {
      Issue.record("not found")
      return
    }
    #expect(failure.flaw == .deadlock)
  }

  @Test(arguments: MemoryModel.allCases) func spinningForAWriteEnds(memoryModel: MemoryModel) {
    let waits: Body = { _ in
      _ = Simulated.spin(x, .acquiring) { $0 != 0 }
      Simulated.expect(Simulated.load(y, .relaxed) == 1, "y came after x")
    }
    let writes: Body = { _ in
      Simulated.store(1, to: y, .relaxed)
      Simulated.store(1, to: x, .releasing)
    }
    #expect(Exhaustive.explore(model([waits, writes], memoryModel)).verdict == .holds)
  }

  /// Looking and then sleeping loses the wake-up in between; comparing while going to sleep does
  /// not.
  @Test(arguments: [true, false]) func lostWakeUp(compares: Bool) {
    let compared: Body = { _ in
      while Simulated.load(x, .acquiring) == 0 { Simulated.sleep(on: x, while: 0) }
    }
    let blind: Body = { _ in
      // Sleeps on another word, which never changes: nothing is compared.
      while Simulated.load(x, .acquiring) == 0 { Simulated.sleep(on: y, while: 0) }
    }
    let wakes: Body = { _ in
      Simulated.store(1, to: x, .releasing)
      Simulated.wake(x)
      Simulated.wake(y)
    }
    let verdict = Exhaustive.explore(model([compares ? compared : blind, wakes])).verdict
    if compares {
      #expect(verdict == .holds)
    } else if case .fails(let failure) = verdict {
      #expect(failure.flaw == .deadlock)
    } else {
      Issue.record("not found")
    }
  }

  /// Each undoes what the other waits for, for ever.
  @Test func livelock() throws {
    let body: Body = { cpu in
      let other = UInt64(cpu) ^ 1
      while true {
        Simulated.store(UInt64(cpu) &+ 1, to: x, .relaxed)
        Simulated.pause(0)
        if Simulated.load(x, .relaxed) == UInt64(cpu) &+ 1, Simulated.load(y, .relaxed) == 7 {
          return
        }
        _ = other
      }
    }
    guard case .fails(let failure) = Exhaustive.explore(model([body, body])).verdict else {
      Issue.record("not found")
      return
    }
    #expect(failure.flaw == .livelock)
    // It can be shown: a way into a cycle, and the cycle.
    let program = model([body, body])
    #expect(try Replay.run(program, failure.schedule, cycle: failure.cycle) == .livelock)
    #expect(try Replay.run(program, failure.schedule) == nil)
  }

  /// A schedule that is unfair for ever is none that happens: one CPU spins, the other has yet to
  /// do what it waits for.
  @Test func unfairSchedulesAreNoLivelock() {
    let polls: Body = { _ in while Simulated.load(x, .relaxed) == 0 {} }
    let writes: Body = { _ in Simulated.store(1, to: x, .relaxed) }
    for memoryModel in MemoryModel.allCases {
      #expect(Exhaustive.explore(model([polls, writes], memoryModel)).verdict == .holds)
    }
  }

  /// Between any two operations: what looks atomic to other CPUs is not to a handler.
  @Test func interruptsComeBetweenAnyTwoOperations() {
    let program = model([addsOne], handler: addsOne, interrupts: 1) {
      // Uninterrupted, before or after, or in the middle.
      [1, 2].contains($0.read(x.address)) ? nil : "neither"
    }
    #expect(Exhaustive.explore(program).verdict == .holds)
    let never = model([addsOne], handler: addsOne, interrupts: 1) {
      $0.read(x.address) == 1 ? "an update was lost or the handler never came" : nil
    }
    guard case .fails = Exhaustive.explore(never).verdict else {
      Issue.record("the interrupt in the middle was not found")
      return
    }
  }

  @Test func undeclaredAccessesAreFound() {
    var layout = WordLayout()
    _ = layout.add("x", .owned(by: 0))
    let touches: Body = { _ in Simulated.store(1, to: x, .relaxed) }
    let program = ModelProgram(
      name: "sharing", cpus: [CPUProgram(touches), CPUProgram(touches)],
      memoryModel: .sequentialConsistency, layout: layout)
    guard case .fails(let failure) = Exhaustive.explore(program).verdict,
      case .badAccess = failure.flaw
    else {
      Issue.record("not found")
      return
    }
  }

  @Test func actionsAreReadAsTheyAreWritten() {
    for text in ["0", "3=2", "1c", "12i", "7w"] { #expect(Action(text)?.description == text) }
    for text in ["", "c", "x1", "1=", "1=x", "99", "1cc"] { #expect(Action(text) == nil) }
  }

  /// Taking equal states for one loses no outcome: all schedules, one by one, end in the same ones.
  @Test(arguments: MemoryModel.allCases) func mergingStatesLosesNothing(memoryModel: MemoryModel) {
    let bodies: [Body] = [
      { _ in
        Simulated.store(1, to: x, .relaxed)
        let seen = Simulated.load(y, .relaxed)
        _ = Simulated.fetchOr(seen &* 16 &+ 2, at: x, .relaxed)
      },
      { _ in
        Simulated.store(1, to: y, .relaxed)
        let seen = Simulated.load(x, .relaxed)
        Simulated.store(seen &+ 4, to: y, .relaxed)
        if seen == 0 { Simulated.pause(0) }
        _ = Simulated.compareExchange(x, expected: 1, desired: 8, .relaxed)
      },
    ]
    let ends = Mutex<Set<[UInt64]>>([])
    let program = model(bodies, memoryModel) { memory in
      ends.withLock { _ = $0.insert([memory.read(x.address), memory.read(y.address)]) }
      return nil
    }
    #expect(Exhaustive.explore(program).verdict == .holds)
    let merged = ends.withLock { ends in
      defer { ends = [] }
      return ends
    }
    let actions = ["0", "1", "0c", "1c"].compactMap { Action($0) }
    func extend(_ schedule: [Action]) {
      for action in actions {
        do {
          _ = try Replay.run(program, schedule + [action])
        } catch {
          continue
        }
        extend(schedule + [action])
      }
    }
    extend([])
    #expect(ends.withLock { $0 } == merged)
    #expect(merged.count > 3)
  }
}
