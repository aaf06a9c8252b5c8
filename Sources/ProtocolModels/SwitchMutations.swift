import LockPlatform
import LockSwitching
import ModelChecker
import QueuedSpinlocks

// Breakages of what a switch keeps in memory.
extension Mutation {
  /// What is stored instead of a value; nil if it is stored as it is.
  func switching<W: MemoryWord>(_ value: W, _ location: Location<W>) -> W? {
    let bits = UInt64(truncatingIfNeeded: value)
    let changed: UInt64?
    switch location.address {
    case ModelMemory.state.address: changed = state(SwitchState(bits: bits))
    case ModelMemory.counting.address where self == .generationStays: changed = bits & 3 | 4
    case ModelMemory.lockStep where self == .gatheringStays: changed = bits & 0xffff_ffff
    case ModelMemory.mark(Simulated.cpu).address, ModelMemory.section(Simulated.cpu).address:
      changed = counted(bits, UInt64(truncatingIfNeeded: Simulated.load(location, .relaxed)))
    default: changed = nil
    }
    return changed.map { W(truncatingIfNeeded: $0) }
  }

  private func counted(_ new: UInt64, _ old: UInt64) -> UInt64? {
    switch self {
    case .marksDoNotNest: new < old ? 0 : 1
    case .gateDropsAllLevels where new == 1 && old == 2: isLeavingForGate ? 0 : nil
    default: nil
    }
  }

  private var isLeavingForGate: Bool {
    Simulated.load(ModelMemory.entry(.slowPath), .relaxed) == UInt32(Implementation.gate.rawValue)
  }

  private func state(_ new: SwitchState) -> UInt64? {
    let old = SwitchState(bits: Simulated.load(ModelMemory.state, .relaxed))
    let isInTransit = new.isInTransit(.slowPath) || new.isInTransit(.unlock)
    let wasInTransit = old.isInTransit(.slowPath) || old.isInTransit(.unlock)
    var changed = new
    switch self {
    case .stateForgetsBegun: if isInTransit, !wasInTransit { return old.bits }
    case .stateForgetsEnded: if !isInTransit, wasInTransit { return old.bits }
    case .stateForgetsOccupied: changed.occupied = .none
    case .stateForgetsEntered: changed.entered = old.entered
    case .stateForgetsSet: changed.set = old.set
    default: return nil
    }
    return changed.bits
  }
}

/// The counted entry as it would be if who leaves the gate went on uncounted.
enum UncountedEntry {
  static func slowPath(_ lock: LockWord) {
    guard let mark = ModelMachine.mark else { return }
    ModelMachine.store(ModelMachine.load(mark, .relaxed) &+ 1, to: mark, .relaxed)
    let first = ModelMachine.entered(.acquiring)
    guard first == .gate else {
      enter(first, lock)
      return ModelMachine.store(ModelMachine.load(mark, .relaxed) &- 1, to: mark, .releasing)
    }
    ModelMachine.store(ModelMachine.load(mark, .relaxed) &- 1, to: mark, .releasing)
    while !Gate<ModelMachine>.wait(lock) {
      let next = ModelMachine.entered(.acquiring)
      if next != .gate { return enter(next, lock) }
    }
  }

  private static func enter(_ slowPath: Implementation, _ lock: LockWord) {
    switch slowPath {
    case .native: NativeQueue<ModelMachine>.slowPath(lock)
    case .paravirtual: ParavirtualQueue<ModelMachine>.slowPath(lock)
    case .testAndSet, .gate: TestAndSet<ModelMachine>.slowPath(lock)
    }
  }
}
