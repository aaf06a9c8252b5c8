import LockPlatform

/// Implementations of one operation that may be executing at the same time.
///
/// Not an `OptionSet`: its array literals would need allocation.
@frozen public struct Implementations: Equatable, Sendable {
  /// One bit for each, in the order of their raw values.
  public var bits: UInt8

  /// Those whose bits are set.
  @inlinable
  public init(bits: UInt8) {
    self.bits = bits
  }

  /// The set of one.
  @inlinable
  public init(_ one: Implementation) {
    bits = 1 << one.rawValue
  }

  /// None.
  @inlinable public static var none: Implementations { Implementations(bits: 0) }

  /// Whether there are none.
  @inlinable public var isEmpty: Bool { bits == 0 }

  /// Whether it is among them.
  @inlinable
  public func contains(_ one: Implementation) -> Bool {
    bits & (1 << one.rawValue) != 0
  }

  /// The first of them; nil if there are none.
  public var first: Implementation? {
    @inlinable @inline(__always)
    get { bits == 0 ? nil : Implementation(rawValue: UInt8(bits.trailingZeroBitCount)) }
  }

  /// These and one more.
  @inlinable
  public func with(_ one: Implementation) -> Implementations {
    Implementations(bits: bits | 1 << one.rawValue)
  }

  /// These without one.
  @inlinable @inline(__always)
  public func without(_ one: Implementation) -> Implementations {
    Implementations(bits: bits & ~(1 << one.rawValue))
  }

  /// These and those.
  @inlinable
  public func union(_ others: Implementations) -> Implementations {
    Implementations(bits: bits | others.bits)
  }
}

/// What may be mixed: which bodies of slow paths may run beside which bodies of unlock.
///
///     waiting with                     unlocking with            result
///     native queue                     native or paravirtual     correct: 1 -> 0 always succeeds
///     paravirtual queue                paravirtual               correct
///     paravirtual queue                native                    the head sleeps, the lock is free
///     both queues                      any                       a waiter is left behind, or two owners
///     test-and-set or the gate         as the queue beside it    correct: takes only a whole 0
///
/// Found by exhaustive exploration of one lock; the model checker finds it again (`tidelock verify
/// compatibility`). Holders need no counting: both sets understand a plain locked byte.
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

  /// Whether every lock stays exclusive and every waiter makes progress in this mixture.
  @inlinable
  public var isSound: Bool {
    let native = slowPaths.contains(.native)
    let paravirtual = slowPaths.contains(.paravirtual)
    // Both kinds of waiter in one queue. The pending bit is a place in front of the queue for the one
    // kind and bars the way in for the other, which takes it from the waiter; and a native owner does
    // not wake who sleeps behind it. Where the native head takes the lock by a plain store, as in a
    // kernel, there are two owners.
    if native && paravirtual { return false }
    // A sleeping head and an unlock that wakes nobody: the lock is free, and stays so.
    if paravirtual && unlocks.contains(.native) { return false }
    // Test-and-set and the gate take only a word that is wholly 0, so they pass nobody.
    return true
  }
}
