import LockPlatform

/// What is known of a system's lock operations between two steps of a switch.
///
/// A platform keeps it from one switch to the next, in one word, so that whoever reads it in the
/// middle of a change (a fork, a file that shows it) reads a whole one:
///
///      bit 0  of each operation, four bits: the implementations in place; two while a batch is under way
///         20  of each operation, one bit: breakpoints of ours may stand on its sites
///         25  where the slow path leads
///         27  slow paths that a CPU may be in, four bits; the gate is not noted
///         31  the set that was wholly in place last
///
/// It always says at least what may be the case: a step that has begun counts as possibly done until
/// it has ended, and as possibly done for good if it failed.
@frozen public struct SwitchState: Equatable, Sendable {
  /// The word.
  public private(set) var bits: UInt64

  /// A state as a platform has kept it.
  public init(bits: UInt64) {
    self.bits = bits
  }

  /// A set wholly in place.
  public init(_ set: LockSet) {
    bits = 0
    self.set = set
    entered = set.implementation(of: .slowPath)
    occupied = Implementations(entered)
    for index in LockOperation.all.indices {
      let operation = LockOperation.all[index]
      self[operation] = Implementations(set.implementation(of: operation))
    }
  }

  /// The set that was wholly in place last, and to which an undo leads back.
  public var set: LockSet {
    get { LockSet(rawValue: UInt8(truncatingIfNeeded: bits >> 31 & 3)) ?? .native }
    set { put(UInt64(newValue.rawValue), 31, 2) }
  }

  /// Where the slow path leads: what a counted entry goes to, and where waiters go on from the gate.
  public var entered: Implementation {
    get { Implementation(rawValue: UInt8(truncatingIfNeeded: bits >> 25 & 3)) ?? .gate }
    set { put(UInt64(newValue.rawValue), 25, 2) }
  }

  /// The slow paths that a CPU may be in, apart from the gate.
  public var occupied: Implementations {
    get { Implementations(bits: UInt8(truncatingIfNeeded: bits >> 27 & 15)).without(.gate) }
    set { put(UInt64(newValue.without(.gate).bits), 27, 4) }
  }

  /// What may be in place of an operation.
  public subscript(_ operation: LockOperation) -> Implementations {
    @inlinable @inline(__always)
    get { Implementations(bits: UInt8(truncatingIfNeeded: bits >> Self.shift(operation) & 15)) }
    set { put(UInt64(newValue.bits), Self.shift(operation), 4) }
  }

  /// Whether breakpoints of ours may stand on an operation's sites.
  @inlinable @inline(__always)
  public func isInTransit(_ operation: LockOperation) -> Bool {
    bits >> (20 + UInt64(operation.rawValue)) & 1 != 0
  }

  /// Notes whether breakpoints of ours may stand on an operation's sites.
  public mutating func setInTransit(_ operation: LockOperation, _ isInTransit: Bool) {
    put(isInTransit ? 1 : 0, 20 + UInt64(operation.rawValue), 1)
  }

  @inlinable @inline(__always)
  static func shift(_ operation: LockOperation) -> UInt64 {
    UInt64(operation.rawValue) &* 4
  }

  private mutating func put(_ value: UInt64, _ shift: UInt64, _ width: UInt64) {
    let mask: UInt64 = (1 << width) &- 1
    bits = bits & ~(mask << shift) | (value & mask) << shift
  }
}

extension SwitchState {
  /// Whether a set is in place, wholly, and nothing else may be.
  public func isSettled(in set: LockSet) -> Bool { self == SwitchState(set) }

  /// Whether every lock stays exclusive and every waiter makes progress, for as long as the state
  /// lasts.
  public var isSound: Bool {
    var slowPaths = occupied.union(self[.slowPath])
    if self[.slowPath].contains(.gate) { slowPaths = slowPaths.with(entered) }
    // Nobody is noted in a slow path that nobody can enter or is in.
    guard Mixture(slowPaths: slowPaths, unlocks: self[.unlock]).isSound else { return false }
    guard slowPaths.contains(.paravirtual) else { return true }
    // Waiters must sleep and wake by the same set.
    let paravirtual = Implementations(.paravirtual)
    return self[.wait] == paravirtual && self[.kick] == paravirtual
  }

  // MARK: Steps

  /// A batch begins: everything in it may be in place from now on.
  public mutating func begin(_ batch: Batch) {
    for index in LockOperation.switched.indices {
      let operation = LockOperation.switched[index]
      guard let new = batch[operation] else { continue }
      self[operation] = self[operation].with(new)
      setInTransit(operation, true)
    }
    guard let slowPath = batch[.slowPath] else { return }
    if slowPath == .gate { entered = .gate } else { occupied = occupied.with(slowPath) }
  }

  /// A batch has ended: nothing else of its operations is in place.
  public mutating func end(_ batch: Batch) {
    for index in LockOperation.switched.indices {
      let operation = LockOperation.switched[index]
      guard let new = batch[operation] else { continue }
      self[operation] = Implementations(new)
      setInTransit(operation, false)
    }
    if let slowPath = batch[.slowPath] { entered = slowPath }
  }

  /// A drain has ended: every CPU has been outside all slow paths since it began.
  public mutating func endDrain() {
    occupied = self[.slowPath].with(entered)
  }
}
