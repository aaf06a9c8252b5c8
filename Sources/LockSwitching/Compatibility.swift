import LockPlatform

/// Implementations of one operation that may be executing at the same time.
///
/// Not an `OptionSet`: its array literals would need allocation.
@frozen public struct Implementations: Equatable, Sendable {
  @usableFromInline var bits: UInt8

  /// The set of one.
  @inlinable
  public init(_ one: Implementation) {
    bits = 1 << one.rawValue
  }

  /// Whether it is among them.
  @inlinable
  public func contains(_ one: Implementation) -> Bool {
    bits & (1 << one.rawValue) != 0
  }

  /// Adds one.
  @inlinable
  public mutating func insert(_ one: Implementation) {
    bits |= 1 << one.rawValue
  }

  /// Removes one.
  @inlinable
  public mutating func remove(_ one: Implementation) {
    bits &= ~(1 << one.rawValue)
  }
}

/// What may be mixed: which bodies of slow paths may run beside which bodies of unlock.
///
/// Found by exhaustive exploration of one lock; the table is in DESIGN, the model checker finds it
/// again. Holders need no counting: both sets understand a plain locked byte.
@frozen public struct Mixture: Equatable, Sendable {
  /// The slow paths that a CPU may be in.
  public var slowPaths: Implementations
  /// The unlocks that a CPU may execute.
  public var unlocks: Implementations

  /// A mixture of slow paths and unlocks.
  @inlinable
  public init(slowPaths: Implementations, unlocks: Implementations) {
    self.slowPaths = slowPaths
    self.unlocks = unlocks
  }

  /// Whether every lock stays exclusive and every waiter gets its turn in this mixture.
  @inlinable
  public var isSound: Bool {
    let native = slowPaths.contains(.native)
    let paravirtual = slowPaths.contains(.paravirtual)
    // Both kinds of waiter in one queue: two owners. (The native head takes the lock by a plain
    // store, the paravirtual one by compare-exchange, after stealers.)
    if native && paravirtual { return false }
    // A sleeping head and an unlock that wakes nobody: the lock is free, and stays so.
    if paravirtual && unlocks.contains(.native) { return false }
    // Test-and-set and the gate take only a word that is wholly 0, so they pass nobody.
    return true
  }
}
