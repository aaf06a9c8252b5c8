import LockPlatform

/// Pokes of several operations that may take effect in any order.
///
/// One batch costs one pass of the poke method, however many operations are in it.
@frozen public struct Batch: Equatable, Sendable {
  /// Four bits for each operation: 0, or 8 and the implementation's raw value.
  @usableFromInline var bits: UInt32 = 0

  /// An empty batch.
  @inlinable
  public init() {}

  /// All that a set has.
  public init(_ set: LockSet) {
    for index in LockOperation.switched.indices {
      let operation = LockOperation.switched[index]
      self[operation] = set.implementation(of: operation)
    }
  }

  /// Whether nothing is in it.
  @inlinable public var isEmpty: Bool { bits == 0 }

  /// What an operation is to become; nil if it stays.
  @inlinable
  public subscript(_ operation: LockOperation) -> Implementation? {
    @inline(__always)
    get {
      let value = bits >> (UInt32(operation.rawValue) &* 4) & 15
      return value & 8 == 0 ? nil : Implementation(rawValue: UInt8(value & 7))
    }
    set {
      let shift = UInt32(operation.rawValue) &* 4
      bits &= ~(15 << shift)
      if let newValue { bits |= (8 | UInt32(newValue.rawValue)) << shift }
    }
  }

  /// The batch without what is in place already.
  @usableFromInline
  func changing(_ state: SwitchState) -> Batch {
    var changes = self
    for index in LockOperation.all.indices {
      let operation = LockOperation.all[index]
      guard let new = self[operation], state[operation] == Implementations(new),
        !state.isInTransit(operation), operation != .slowPath || state.entered == new
      else { continue }
      changes[operation] = nil
    }
    return changes
  }
}

/// One step of a plan.
@frozen public enum PlanStep: Equatable, Sendable {
  /// Put implementations in place.
  case poke(Batch)
  /// Wait until every CPU has been outside all slow paths.
  case drain
}

/// The way from a state to a set: steps, in order.
///
/// Data, so that the model checker can run it, reorder it and drop steps from it.
@frozen public struct Plan: Equatable, Sendable {
  // No step in an empty place.
  private var steps: InlineArray<6, PlanStep>
  /// How many steps there are.
  public private(set) var count: Int

  /// A plan without steps.
  public init() {
    steps = InlineArray(repeating: .drain)
    count = 0
  }

  /// Adds a step; false if the plan has six already, twice as many as any that is computed.
  public mutating func append(_ step: PlanStep) -> Bool {
    guard count < steps.count else { return false }
    steps[count] = step
    count += 1
    return true
  }

  /// The step at an index.
  public subscript(_ index: Int) -> PlanStep { steps[index] }

  /// Whether both have the same steps.
  public static func == (one: Plan, other: Plan) -> Bool {
    guard one.count == other.count else { return false }
    for index in 0..<one.count where one[index] != other[index] { return false }
    return true
  }
}

extension Plan {
  /// The way of a staged switch from a state to a set.
  ///
  ///     native -> paravirtual                          paravirtual -> native
  ///     1 poke  wait, kick, unlock -> paravirtual,     1 poke  slow path -> gate
  ///             slow path -> gate                      2 drain
  ///     2 drain                                        3 poke  unlock, slow path -> native,
  ///     3 poke  slow path -> paravirtual                       wait, kick -> nothing
  ///
  /// and the same from every other sound state: what would be mixed with the wanted slow path must be
  /// drained behind the gate first; what wakes sleepers is in place before the first of them and
  /// stays until after the last; the rest is one batch. What is in place already is not poked.
  ///
  /// If unlock is to stay what it is, whatever that is, the way is to the rest of the set.
  public init(from state: SwitchState, to set: LockSet, keepingUnlock: Bool = false) {
    self.init()
    var wanted = Batch(set)
    if keepingUnlock { wanted[.unlock] = nil }
    let slowPath = set.implementation(of: .slowPath)
    // Whoever still waits in another slow path must leave it before the wanted one is entered.
    let others = state.occupied.union(state[.slowPath]).without(slowPath).without(.gate)
    var first = Batch()
    if !others.isEmpty { first[.slowPath] = .gate }
    if slowPath == .paravirtual {
      // From 1 on every unlock would wake a sleeper; as yet there is none.
      first[.unlock] = wanted[.unlock]
      first[.wait] = wanted[.wait]
      first[.kick] = wanted[.kick]
    }
    first = first.changing(state)
    var then = state
    if !first.isEmpty {
      _ = append(.poke(first))
      then.begin(first)
      then.end(first)
    }
    if !others.isEmpty {
      _ = append(.drain)
      then.endDrain()
    }
    let last = wanted.changing(then)
    if !last.isEmpty { _ = append(.poke(last)) }
  }

  /// Whether the plan leads from a state to a set through sound mixtures only.
  public func isSound(from state: SwitchState, to set: LockSet) -> Bool {
    var state = state
    guard state.isSound else { return false }
    for index in 0..<count {
      switch self[index] {
      case .poke(let batch):
        // Any part of it may be seen by now, and any may not.
        state.begin(batch)
        guard state.isSound else { return false }
        state.end(batch)
      case .drain: state.endDrain()
      }
      guard state.isSound else { return false }
    }
    state.set = set
    return state.isSettled(in: set)
  }
}
