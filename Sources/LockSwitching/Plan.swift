import LockPlatform

/// One step of a switch.
@frozen public enum Step: Equatable, Sendable {
  /// Change every site of an operation, or its place in the operation table.
  case poke(LockOperation, from: Implementation, to: Implementation)
  /// Wait until every CPU that may be in this slow path has left it.
  case drain(Implementation)
  /// What only one of the published protocols does.
  case phase(Phase)
}

/// The steps of the published protocols that are neither a poke nor a drain.
@frozen public enum Phase: UInt8, Sendable {
  /// `stopMachine`: every CPU is brought to where it follows the lock-step.
  case gather = 0
  /// `barrier`: breakpoints on every site.
  case breakpoints = 1
  /// `barrier`: every CPU passes the barrier, and counts from then on.
  case barrier = 2
  /// `barrier`: the count falls to zero.
  case count = 3
}

/// A switch as data: the steps, in order.
///
/// Data, so that the model checker can run it, reorder it and drop steps from it.
@frozen public struct Plan: Sendable {
  @usableFromInline var steps: InlineArray<10, Step>
  /// How many steps there are.
  public private(set) var count: Int

  /// A plan without steps.
  public init() {
    steps = InlineArray(repeating: .drain(.gate))
    count = 0
  }

  /// Adds a step.
  ///
  /// A plan has room for ten; one more is a programming error and traps.
  public mutating func append(_ step: Step) {
    steps[count] = step
    count += 1
  }

  /// The step at an index.
  @inlinable
  public subscript(_ index: Int) -> Step { steps[index] }
}

extension Plan {
  /// Whether the plan leads from one set to the other through sound mixtures only.
  ///
  /// A poke may be seen early or late, so while it lasts both forms execute; a slow path that is
  /// no longer entered may still be run until it is drained.
  public func isSound(from old: LockSet, to new: LockSet) -> Bool {
    var entered = old.implementation(of: .slowPath)
    var mixture = Mixture(
      slowPaths: Implementations(entered),
      unlocks: Implementations(old.implementation(of: .unlock)))
    // Which of wait and kick are in place: waiters must sleep and wake by the same set.
    var helpers: InlineArray<2, Implementation> = [
      old.implementation(of: .wait), old.implementation(of: .kick),
    ]
    for index in 0..<count {
      switch self[index] {
      case .poke(.slowPath, let from, let to):
        guard from == entered else { return false }
        entered = to
        mixture.slowPaths.insert(to)
      case .poke(.unlock, let from, let to):
        guard mixture.unlocks == Implementations(from) else { return false }
        mixture.unlocks.insert(to)
        guard mixture.isSound else { return false }
        mixture.unlocks = Implementations(to)
      case .poke(.wait, _, let to): helpers[0] = to
      case .poke(.kick, _, let to): helpers[1] = to
      case .poke(.vcpuIsPreempted, _, _): break
      case .drain(let body):
        guard body != entered else { return false }
        mixture.slowPaths.remove(body)
      case .phase:
        // Rules of their own: a plan is data for the staged switch only.
        return false
      }
      guard mixture.isSound else { return false }
      if mixture.slowPaths.contains(.paravirtual) {
        guard helpers[0] == .paravirtual, helpers[1] == .paravirtual else { return false }
      }
    }
    mixture.slowPaths.remove(.gate)
    return entered == new.implementation(of: .slowPath)
      && mixture.slowPaths == Implementations(entered)
      && mixture.unlocks == Implementations(new.implementation(of: .unlock))
      && helpers[0] == new.implementation(of: .wait) && helpers[1] == new.implementation(of: .kick)
  }
}
