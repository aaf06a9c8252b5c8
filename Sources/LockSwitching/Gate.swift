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
      while: { Platform.entered(.relaxed) == .gate }, resting: { _ in Platform.yield() })
  }
}
