import LockPlatform
import QueuedSpinlocks

/// The slow path while the old one drains.
///
/// A CPU that waits here takes the lock when its whole word is 0, which is sound beside either queue;
/// so nobody joins a queue, and the drain ends. It goes on trying: a CPU that holds one lock while it
/// waits here for another may be what the drain is waiting for. And it leaves once the gate is open:
/// a waiter that stayed would starve as soon as the new queue never runs empty.
public enum Gate<Platform: SwitchMachine> {
  /// Waits at the gate.
  ///
  /// True if the lock was taken, false if the gate is open.
  @inlinable
  public static func wait(_ lock: LockWord) -> Bool {
    let began = Platform.nanoseconds
    defer { Platform.noteStall(Platform.nanoseconds &- began) }
    return TestAndSet<Platform>.wait(
      lock,
      // Relaxed: a hint for a CPU that waits uncounted; it reads again, counted, before it goes
      // anywhere.
      while: { Platform.entered(.relaxed) == .gate }, resting: Platform.yield)
  }

  /// The gate as a slow path of its own, where sites call slow paths without a counted entry: waits, and
  /// once it is open leaves into the slow path that it leads to.
  ///
  /// All of it lies within the call, so whatever covers the call (in a kernel a grace period) covers
  /// what was read here. `enter` runs the body of a slow path, never of the gate.
  @inlinable @inline(__always)
  public static func slowPath(_ lock: LockWord, into enter: (Implementation) -> Void) {
    while !wait(lock) {
      // Acquiring; pairs with the store that opened the gate.
      let next = Platform.entered(.acquiring)
      if next != .gate { return enter(next) }
    }
  }
}
