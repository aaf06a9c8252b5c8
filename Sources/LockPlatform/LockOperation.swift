/// The five lock operations: Linux's `pv_lock_ops`.
///
/// A switch changes four of them together (`switched`). Raw values are what site tables hold.
@frozen public enum LockOperation: UInt8, Sendable {
  /// `queued_spin_lock_slowpath`: where a CPU goes that finds the lock taken.
  case slowPath = 0
  /// `queued_spin_unlock`.
  case unlock = 1
  /// `wait`: gives the CPU away until kicked. Only paravirtual bodies call it.
  case wait = 2
  /// `kick`: wakes a CPU that waits. Only paravirtual bodies call it.
  case kick = 3
  /// `vcpu_is_preempted`: advice about steal time, the same in all sets, so never switched.
  case vcpuIsPreempted = 4

  /// How many operations there are.
  @inlinable public static var count: Int { 5 }

  /// All of them: helpers first, then unlock, then the slow path that needs both.
  @inlinable public static var all: InlineArray<5, LockOperation> {
    [.vcpuIsPreempted, .wait, .kick, .unlock, .slowPath]
  }

  /// Those in which the sets differ, and which a switch changes.
  @inlinable public static var switched: InlineArray<4, LockOperation> {
    [.wait, .kick, .unlock, .slowPath]
  }
}

/// What a lock operation does in one of the sets, or while a switch is under way.
@frozen public enum Implementation: UInt8, Sendable {
  /// Spins in a queue; unlocks with one store.
  case native = 0
  /// Halts in a queue; unlocks with compare-exchange and wakes the head.
  case paravirtual = 1
  /// Waits until the whole word of the lock is 0 and never queues.
  case testAndSet = 2
  /// The slow path in place while the old one drains: test-and-set whose waiters leave once it opens.
  case gate = 3
}

extension Implementation {
  /// The unlock that goes with a slow path, native or paravirtual: sound beside its waiters.
  @inlinable public var unlock: Implementation {
    switch self {
    case .native, .testAndSet: .native
    // The gate may be beside either queue, and the paravirtual unlock is sound beside both.
    case .paravirtual, .gate: .paravirtual
    }
  }
}

/// A complete set of lock operations.
@frozen public enum LockSet: UInt8, Sendable {
  /// Queued spinlocks that spin: for dedicated CPUs.
  case native = 0
  /// Queued spinlocks that halt and kick: for oversubscribed CPUs.
  case paravirtual = 1
  /// No queue at all: what Linux calls `virt_spin_lock`.
  case testAndSet = 2

  /// What an operation does in this set.
  ///
  /// `vcpu_is_preempted` is the same in every set: what the system started with, called native.
  @inlinable
  public func implementation(of operation: LockOperation) -> Implementation {
    switch (self, operation) {
    case (_, .vcpuIsPreempted): .native
    case (.native, _): .native
    case (.paravirtual, _): .paravirtual
    case (.testAndSet, .slowPath): .testAndSet
    // Nobody sleeps and nobody queues, so the rest is what native has.
    case (.testAndSet, .unlock), (.testAndSet, .wait), (.testAndSet, .kick): .native
    }
  }
}
