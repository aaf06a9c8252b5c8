import LockPlatform
import LockSwitching

/// A breakage of plans: the runner follows what they have become.
public enum PlanEdit: UInt8, Sendable {
  /// Nothing is drained.
  case noDrain
  /// The drain comes first.
  case drainFirst
  /// The drain comes last.
  case drainLast
  /// Unlock is poked by itself, before everything else.
  case unlockFirst
  /// Unlock is poked by itself, between the gate and the drain.
  case unlockEarly
  /// Unlock is poked by itself, after everything else.
  case unlockLast
  /// Wait and kick are put in place last.
  case helpersLast
  /// Kick is taken away between the gate and the drain.
  case kickEarly
  /// There is no gate: the slow path leads to the new one at once.
  case noGate
  /// Undo: nothing is drained.
  case undoNoDrain
  /// Undo: the slow path is not led to the gate.
  case undoNoGate
  /// Undo: the drain comes before the gate.
  case undoDrainFirst
  /// Undo: the last batch is left out.
  case undoNoLast
  /// Undo: unlock stays as it is.
  case undoNoUnlock
  /// Undo: unlock is poked by itself, before everything else.
  case undoUnlockFirst
  /// Undo: wait and kick are put back first.
  case undoHelpersFirst
  /// Undo: planned from the state that the switch began in.
  case undoFromBefore
  /// Undo: the slow path that was in place before is not noted any more as such.
  case undoForgetsOccupied
  /// A switch back: nothing is drained.
  case backNoDrain
  /// A switch back: the drain comes before the gate.
  case backDrainFirst
  /// A switch back: unlock is poked by itself, before everything else.
  case backUnlockFirst
  /// A switch back: wait and kick are left as they are.
  case backNoHelpers
}

extension PlanEdit {
  /// The plan, broken.
  ///
  /// An undo leads back to the set that was wholly in place last; a switch back, to that in which the
  /// model began.
  func plan(from state: SwitchState, to set: LockSet, first: LockSet) -> Plan {
    var plan = Plan(from: state, to: set)
    let isUndo = set == state.set
    let isBack = set == first && !isUndo
    switch self {
    case .noDrain where !isUndo, .undoNoDrain where isUndo, .backNoDrain where isBack:
      plan = plan.steps(where: { $0 != .drain })
    case .drainFirst where !isUndo, .undoDrainFirst where isUndo, .backDrainFirst where isBack:
      plan = Plan(.drain, then: plan.steps(where: { $0 != .drain }))
    case .drainLast where !isUndo:
      plan = plan.steps(where: { $0 != .drain })
      _ = plan.append(.drain)
    case .unlockFirst where !isUndo, .undoUnlockFirst where isUndo, .backUnlockFirst where isBack:
      plan = Plan(.poke(Batch(only: .unlock, of: set)), then: plan.without(.unlock))
    case .unlockEarly where !isUndo: plan = plan.inserting(Batch(only: .unlock, of: set), at: 1)
    case .unlockLast where !isUndo:
      plan = plan.without(.unlock)
      _ = plan.append(.poke(Batch(only: .unlock, of: set)))
    case .helpersLast where !isUndo:
      plan = plan.without(.wait).without(.kick)
      _ = plan.append(.poke(Batch(only: .wait, .kick, of: set)))
    case .kickEarly where !isUndo: plan = plan.inserting(Batch(only: .kick, of: set), at: 1)
    case .noGate where !isUndo, .undoNoGate where isUndo:
      plan = plan.steps(where: { !$0.closesGate })
    case .undoNoLast where isUndo: plan = plan.prefix(plan.count - 1)
    case .undoNoUnlock where isUndo: plan = plan.without(.unlock)
    case .undoHelpersFirst where isUndo:
      plan = Plan(
        .poke(Batch(only: .wait, .kick, of: set)), then: plan.without(.wait).without(.kick))
    case .undoFromBefore where isUndo: plan = Plan(from: SwitchState(set), to: set)
    case .undoForgetsOccupied where isUndo:
      var forgetful = state
      forgetful.occupied = .none
      forgetful[.slowPath] = Implementations(.gate)
      plan = Plan(from: forgetful, to: set)
    case .backNoHelpers where isBack: plan = plan.without(.wait).without(.kick)
    default: break
    }
    return plan
  }
}

extension PlanStep {
  fileprivate var closesGate: Bool {
    if case .poke(let batch) = self { batch[.slowPath] == .gate } else { false }
  }
}

extension Plan {
  fileprivate init(_ step: PlanStep, then others: Plan) {
    self.init()
    _ = append(step)
    for index in 0..<others.count { _ = append(others[index]) }
  }

  fileprivate func steps(where isKept: (PlanStep) -> Bool) -> Plan {
    var plan = Plan()
    for index in 0..<count where isKept(self[index]) { _ = plan.append(self[index]) }
    return plan
  }

  fileprivate func prefix(_ length: Int) -> Plan {
    var plan = Plan()
    for index in 0..<length { _ = plan.append(self[index]) }
    return plan
  }

  fileprivate func inserting(_ batch: Batch, at place: Int) -> Plan {
    var plan = Plan()
    for index in 0..<count {
      if index == place { _ = plan.append(.poke(batch)) }
      _ = plan.append(self[index])
    }
    return plan
  }

  fileprivate func without(_ operation: LockOperation) -> Plan {
    var plan = Plan()
    for index in 0..<count {
      guard case .poke(var batch) = self[index] else {
        _ = plan.append(self[index])
        continue
      }
      batch[operation] = nil
      if !batch.isEmpty { _ = plan.append(.poke(batch)) }
    }
    return plan
  }
}

extension Batch {
  /// What a set has of some operations.
  fileprivate init(only one: LockOperation, _ other: LockOperation? = nil, of set: LockSet) {
    self.init()
    self[one] = set.implementation(of: one)
    if let other { self[other] = set.implementation(of: other) }
  }
}
