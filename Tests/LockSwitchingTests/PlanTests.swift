import LockPlatform
import LockSwitching
import Testing

let sets: [LockSet] = [.native, .paravirtual, .testAndSet]

let directions: [(LockSet, LockSet)] = [
  (.native, .paravirtual), (.paravirtual, .native), (.native, .testAndSet),
  (.testAndSet, .native), (.paravirtual, .testAndSet), (.testAndSet, .paravirtual),
]

/// A batch, written down.
func batch(_ changes: [(LockOperation, Implementation)]) -> Batch {
  var batch = Batch()
  for (operation, new) in changes { batch[operation] = new }
  return batch
}

func steps(_ plan: Plan) -> [PlanStep] { (0..<plan.count).map { plan[$0] } }

func plan(_ steps: [PlanStep]) -> Plan {
  var plan = Plan()
  for step in steps {
    let hasRoom = plan.append(step)
    #expect(hasRoom)
  }
  return plan
}

@Suite struct PlanTests {
  @Test func upwardIsThePublishedPlan() {
    #expect(
      steps(Plan(from: SwitchState(.native), to: .paravirtual)) == [
        .poke(
          batch([
            (.wait, .paravirtual), (.kick, .paravirtual), (.unlock, .paravirtual),
            (.slowPath, .gate),
          ])),
        .drain,
        .poke(batch([(.slowPath, .paravirtual)])),
      ])
  }

  @Test func downwardIsThePublishedPlan() {
    #expect(
      steps(Plan(from: SwitchState(.paravirtual), to: .native)) == [
        .poke(batch([(.slowPath, .gate)])),
        .drain,
        .poke(
          batch([(.unlock, .native), (.slowPath, .native), (.wait, .native), (.kick, .native)])),
      ])
  }

  /// What both sets have in common is not poked.
  @Test func betweenNativeAndTestAndSetOnlyTheSlowPathChanges() {
    for (from, to) in [(LockSet.native, LockSet.testAndSet), (.testAndSet, .native)] {
      #expect(
        steps(Plan(from: SwitchState(from), to: to)) == [
          .poke(batch([(.slowPath, .gate)])), .drain,
          .poke(batch([(.slowPath, to.implementation(of: .slowPath))])),
        ])
    }
  }

  @Test(arguments: sets)
  func stayingNeedsNoStep(_ set: LockSet) {
    #expect(Plan(from: SwitchState(set), to: set).count == 0)
    #expect(SwitchState(set).isSettled(in: set))
    #expect(SwitchState(set).isSound)
  }

  /// Wherever a switch, its undo, the undo's undo and so on may fail, before, in or after any step:
  /// the state is sound, and there is a sound plan to each set.
  @Test func thereIsASoundPlanFromEveryStateThatAFailureLeaves() {
    var open = sets.map { SwitchState($0) }
    var seen = Set(open.map(\.bits))
    while let state = open.popLast() {
      #expect(state.isSound)
      for set in sets {
        let plan = Plan(from: state, to: set)
        #expect(plan.isSound(from: state, to: set), "\(state) -> \(set): \(plan)")
        #expect(plan.count <= 3)
        var now = state
        for step in steps(plan) {
          var next: [SwitchState] = []
          switch step {
          case .poke(let batch):
            now.begin(batch)
            next.append(now)
            now.end(batch)
          case .drain: now.endDrain()
          }
          next.append(now)
          for state in next where seen.insert(state.bits).inserted { open.append(state) }
        }
      }
    }
    #expect(seen.count > 20)
  }

  /// The same from every sound state there can be, however a system came to be in it.
  @Test func thereIsASoundPlanFromEverySoundState() {
    let pairs: [[Implementation]] = [[.native], [.paravirtual], [.native, .paravirtual]]
    let paths = Implementation.allValues
    var checked = 0
    for one in paths {
      for other in paths {
        for entered in paths {
          for occupied in UInt8(0)..<8 {
            for unlock in pairs {
              for wait in pairs {
                for kick in pairs {
                  var state = SwitchState(.native)
                  state[.slowPath] = Implementations(one).with(other)
                  state.entered = entered
                  state.occupied = state[.slowPath].union(Implementations(bits: occupied))
                  if entered != .gate { state.occupied = state.occupied.with(entered) }
                  state[.unlock] = unlock.dropFirst().reduce(Implementations(unlock[0])) {
                    $0.with($1)
                  }
                  state[.wait] = wait.dropFirst().reduce(Implementations(wait[0])) { $0.with($1) }
                  state[.kick] = kick.dropFirst().reduce(Implementations(kick[0])) { $0.with($1) }
                  guard state.isSound else { continue }
                  checked += 1
                  for set in sets {
                    let plan = Plan(from: state, to: set)
                    #expect(plan.isSound(from: state, to: set), "\(state) -> \(set): \(plan)")
                  }
                  // To test-and-set every unlock may stay, and none is written.
                  let kept = Plan(from: state, to: .testAndSet, keepingUnlock: true)
                  #expect(leavesQueues(kept, from: state), "\(state): \(kept)")
                }
              }
            }
          }
        }
      }
    }
    #expect(checked > 1000)
  }

  /// Whether a plan leads to the rest of test-and-set through sound mixtures, a native unlock that comes at
  /// its end included, and pokes no unlock.
  private func leavesQueues(_ plan: Plan, from first: SwitchState) -> Bool {
    var state = first
    for step in steps(plan) {
      switch step {
      case .poke(let batch):
        state.begin(batch)
        guard batch[.unlock] == nil, state.isSound else { return false }
        state.end(batch)
      case .drain: state.endDrain()
      }
      guard state.isSound else { return false }
    }
    state[.unlock] = state[.unlock].with(.native)
    guard state.isSound else { return false }
    state[.unlock] = Implementations(.native)
    state.set = .testAndSet
    return state.isSettled(in: .testAndSet)
  }

  /// Every step is needed, and every operation in it.
  @Test(arguments: directions)
  func nothingCanBeDropped(_ from: LockSet, _ to: LockSet) {
    let state = SwitchState(from)
    let all = steps(Plan(from: state, to: to))
    for index in all.indices {
      var fewer = all
      fewer.remove(at: index)
      #expect(!plan(fewer).isSound(from: state, to: to), "without \(all[index])")
      guard case .poke(let batch) = all[index] else { continue }
      for operation in [LockOperation.slowPath, .unlock, .wait, .kick]
      where batch[operation] != nil {
        var less = batch
        less[operation] = nil
        fewer = all
        fewer[index] = .poke(less)
        #expect(!plan(fewer).isSound(from: state, to: to), "without \(operation) in \(all[index])")
      }
    }
  }

  @Test func stepsInAnotherOrderAreUnsound() {
    // Not from test-and-set: its waiters, queued nowhere, are sound beside every queue.
    for (from, to) in directions where from != .testAndSet {
      guard from == .paravirtual || to == .paravirtual else { continue }
      let all = steps(Plan(from: SwitchState(from), to: to))
      for order in [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        #expect(
          !plan(order.map { all[$0] }).isSound(from: SwitchState(from), to: to),
          "\(from) -> \(to) in the order \(order)")
      }
    }
    // Up without a gate.
    let up = batch([
      (.wait, .paravirtual), (.kick, .paravirtual), (.unlock, .paravirtual),
      (.slowPath, .paravirtual),
    ])
    #expect(!plan([.poke(up)]).isSound(from: SwitchState(.native), to: .paravirtual))
  }

  @Test func aFullPlanTakesNoMore() {
    var full = Plan()
    let appended = (0..<7).map { _ in full.append(.drain) }
    #expect(appended == [true, true, true, true, true, true, false])
    #expect(full.count == 6)
  }
}

@Suite struct SwitchStateTests {
  /// Every part has bits of its own.
  @Test func partsDoNotTouchEachOther() {
    var state = SwitchState(.native)
    for operation in [LockOperation.slowPath, .unlock, .wait, .kick, .vcpuIsPreempted] {
      for one in Implementation.allValues {
        let before = state
        state[operation] = Implementations(one)
        state.setInTransit(operation, true)
        #expect(state[operation] == Implementations(one) && state.isInTransit(operation))
        state[operation] = before[operation]
        state.setInTransit(operation, false)
        #expect(state == before)
      }
    }
    for one in Implementation.allValues {
      state.entered = one
      #expect(state.entered == one)
    }
    state.occupied = Implementations(.native).with(.paravirtual).with(.testAndSet).with(.gate)
    #expect(state.occupied == Implementations(.native).with(.paravirtual).with(.testAndSet))
    for set in sets {
      state.set = set
      #expect(state.set == set)
    }
    #expect(SwitchState(bits: state.bits) == state)
  }

  @Test func aMixtureOfSetsIsUnsound() {
    var state = SwitchState(.native)
    state.occupied = state.occupied.with(.paravirtual)
    #expect(!state.isSound)
    state = SwitchState(.paravirtual)
    state[.unlock] = state[.unlock].with(.native)
    #expect(!state.isSound)
    state = SwitchState(.paravirtual)
    state[.kick] = Implementations(.native)
    #expect(!state.isSound)
    // The gate leads on to where it is said to lead.
    state = SwitchState(.native)
    state[.slowPath] = Implementations(.gate)
    state.entered = .paravirtual
    #expect(!state.isSound)
  }
}

@Suite struct CompatibilityTests {
  /// The table of `Mixture`, row by row.
  @Test func isTheTable() {
    func mixture(_ slowPaths: [Implementation], _ unlocks: [Implementation]) -> Bool {
      Mixture(
        slowPaths: slowPaths.reduce(.none) { $0.with($1) },
        unlocks: unlocks.reduce(.none) { $0.with($1) }
      ).isSound
    }
    #expect(mixture([.native], [.native, .paravirtual]))
    #expect(mixture([.paravirtual], [.paravirtual]))
    #expect(!mixture([.paravirtual], [.native]))
    #expect(!mixture([.paravirtual], [.native, .paravirtual]))
    #expect(!mixture([.native, .paravirtual], [.paravirtual]))
    #expect(!mixture([.native, .paravirtual], [.native]))
    #expect(mixture([.testAndSet, .native], [.paravirtual]))
    #expect(mixture([.testAndSet, .paravirtual], [.paravirtual]))
    #expect(mixture([.testAndSet, .native], [.native]))
    #expect(!mixture([.testAndSet, .paravirtual], [.native]))
    #expect(mixture([.gate, .native], [.native, .paravirtual]))
  }
}

extension Implementation {
  static var allValues: [Implementation] { [.native, .paravirtual, .testAndSet, .gate] }
}
