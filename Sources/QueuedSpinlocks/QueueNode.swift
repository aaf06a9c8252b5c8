import LockPlatform

/// One CPU's memory for its queue nodes: a header of one line and four nodes of one line each,
/// one for each context that can be nested on a CPU.
@frozen @usableFromInline
struct PerCPUNodes: Sendable {
  @usableFromInline let base: UInt

  @inlinable @inline(__always)
  init(base: UInt) {
    self.base = base
  }

  /// How many nodes are in use, only ever written by the CPU itself.
  @inlinable var depth: Location<UInt32> {
    @inline(__always) get { unsafe Location(address: base) }
  }

  /// When this CPU last had its turn in a paravirtual queue, in ticks.
  @inlinable var lastTurn: Location<UInt64> {
    @inline(__always) get { unsafe Location(address: base &+ 8) }
  }

  @inlinable @inline(__always)
  func node(_ index: UInt32) -> QueueNode {
    QueueNode(address: base &+ 64 &+ UInt(index) &* 64)
  }
}

/// What a platform must provide for each CPU.
public enum PerCPUArea {
  /// Its size in bytes.
  public static var size: UInt { @inlinable get { 320 } }

  /// How many contexts can queue on one CPU at the same time.
  public static var contexts: UInt32 { @inlinable get { 4 } }
}

/// A node of a lock's queue (Mellor-Crummey and Scott, TOCS 1991).
///
/// It is reused for any number of locks and never freed: a late kick finds a node, even if it is no
/// longer the one that was meant.
@frozen @usableFromInline
struct QueueNode: Equatable, Sendable {
  @usableFromInline let address: UInt

  @inlinable @inline(__always)
  init(address: UInt) {
    self.address = address
  }

  /// The node behind this one, 0 while there is none.
  @inlinable var next: Location<UInt64> {
    @inline(__always) get { unsafe Location(address: address) }
  }

  /// Not 0 once this node is the head of its queue: `noEntry`, or the place in the lock hash where the
  /// previous owner has entered it.
  @inlinable var isHead: Location<UInt32> {
    @inline(__always) get { unsafe Location(address: address &+ 8) }
  }

  /// The head has no entry in the lock hash.
  @inlinable static var noEntry: UInt32 { 1 }
  /// The head's entry is at a slot of the lock hash.
  @inlinable static func entry(at slot: UInt) -> UInt32 { UInt32(truncatingIfNeeded: slot) &+ 2 }
  /// The slot of an entry.
  @inlinable static func slot(of entry: UInt32) -> UInt { UInt(entry &- 2) }

  /// Whether the waiter runs (`WaiterState`); only the paravirtual queue uses it.
  @inlinable var state: Location<UInt32> {
    @inline(__always) get { unsafe Location(address: address &+ 12) }
  }
}

/// What a waiter in the paravirtual queue is doing.
///
///                    halts, not the head                    halts as the head
///      running ----------------------------> halted   running --------------> hashed
///         ^                                    |  |                             |
///         |   the one before became the owner  |  | the same, and leaves it     |
///         +------------------------------------+  | asleep: unlock shall wake   |
///         |                                       v it                          |
///         +-------------------------------------- hashed <----------------------+
///                    an unlock found it in the hash
@usableFromInline
enum WaiterState {
  @usableFromInline static var running: UInt32 { @inlinable get { 0 } }
  @usableFromInline static var halted: UInt32 { @inlinable get { 1 } }
  /// The lock hash leads from the lock to this node, or is about to.
  @usableFromInline static var hashed: UInt32 { @inlinable get { 2 } }
}

/// The name of a node in the upper half of a lock word; 0 is no node.
@frozen @usableFromInline
struct Tail: Equatable, Sendable {
  @usableFromInline let rawValue: UInt16

  @inlinable @inline(__always)
  init(rawValue: UInt16) {
    self.rawValue = rawValue
  }

  @inlinable @inline(__always)
  init(_ cpu: CPUNumber, _ index: UInt32) {
    rawValue = UInt16(truncatingIfNeeded: (cpu.rawValue &+ 1) << 2 | index)
  }

  @inlinable var isEmpty: Bool { rawValue == 0 }

  @inlinable var cpu: CPUNumber { CPUNumber(UInt32(rawValue >> 2) &- 1) }

  /// The tail in its place in the whole word.
  @inlinable var inWord: UInt32 { UInt32(rawValue) << 16 }

  @inlinable @inline(__always)
  func node<Platform: LockMachine>(on _: Platform.Type) -> QueueNode {
    PerCPUNodes(base: Platform.queueArea(of: cpu)).node(UInt32(rawValue & 3))
  }
}

/// A node taken for one acquisition.
@frozen @usableFromInline
struct QueuePlace<Platform: LockMachine>: Sendable {
  @usableFromInline let nodes: PerCPUNodes
  @usableFromInline let index: UInt32
  @usableFromInline let node: QueueNode
  @usableFromInline let tail: Tail

  /// Takes the next free node of this CPU; nil if it has none left or no number at all.
  @inlinable @inline(__always)
  init?() {
    guard let cpu = Platform.currentCPU else { return nil }
    nodes = PerCPUNodes(base: Platform.queueArea(of: cpu))
    index = Platform.load(nodes.depth, .relaxed)
    guard index < PerCPUArea.contexts else { return nil }
    // Relaxed: only this CPU reads it. The barrier makes an interrupt from here on take the node
    // after this one, before any field of this one is written.
    Platform.store(index &+ 1, to: nodes.depth, .relaxed)
    Platform.compilerBarrier()
    node = nodes.node(index)
    tail = Tail(cpu, index)
    // Relaxed: no other CPU knows the node yet; the exchange of the tail publishes it.
    Platform.store(0, to: node.next, .relaxed)
    Platform.store(0, to: node.isHead, .relaxed)
    Platform.store(WaiterState.running, to: node.state, .relaxed)
  }

  /// Gives the node back.
  @inlinable @inline(__always)
  func leave() {
    Platform.compilerBarrier()
    Platform.store(index, to: nodes.depth, .relaxed)
  }

  /// Becomes the queue's last node and returns the one that was.
  ///
  /// Releasing: whoever finds our tail sees our node cleared. Acquiring, for the same reason about the
  /// node before us.
  @inlinable @inline(__always)
  func join(_ lock: LockWord) -> Tail {
    Platform.count(.queued)
    return Tail(rawValue: Platform.exchange(tail.rawValue, at: lock.tail, .acquiringAndReleasing))
  }

  /// The node behind ours, once it has linked itself.
  ///
  /// Acquiring; pairs with the releasing store by which it does.
  @inlinable @inline(__always)
  func successor() -> QueueNode {
    QueueNode(address: UInt(Platform.spin(node.next, .acquiring) { $0 != 0 }))
  }
}
