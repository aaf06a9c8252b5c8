import LockPlatform
import QueuedSpinlocks

/// The one entry to all slow paths where a patched jump could not be drained: a program's.
///
/// The CPU is counted from before it reads which slow path is in place until it has left it. The
/// count is a plain increment: the drainer publishes the new slow path, makes every CPU execute a
/// full barrier (membarrier), and then reads the counts, so either it sees ours, or we see the new
/// slow path.
public enum CountedEntry<Platform: LockMachine & SwitchMachine> {
  /// Takes the lock by the slow path in place.
  ///
  /// Callable in nested contexts: counts nest.
  @inlinable
  public static func slowPath(_ lock: LockWord) {
    Platform.count(.slowPath)
    guard let mark = Platform.mark else {
      // Cannot be counted, so it must not enter what is drained. Sound beside everything.
      Platform.count(.noNode)
      return TestAndSet<Platform>.slowPath(lock)
    }
    while true {
      raise(mark)
      // Acquiring; pairs with the store that put it in place.
      switch Platform.entered(.acquiring) {
      case .native:
        NativeQueue<Platform>.slowPath(lock)
        Platform.acquired(lock.whole.address)
        return lower(mark)
      case .paravirtual:
        ParavirtualQueue<Platform>.slowPath(lock)
        Platform.acquired(lock.whole.address)
        return lower(mark)
      case .gate:
        // Not counted while it waits here, or the drain would wait for us and we for the drain.
        lower(mark)
        Platform.count(.gate)
        if Gate<Platform>.wait(lock) { return }
      case .testAndSet:
        // Queued nowhere, like a waiter at the gate, and as free to leave for another slow path.
        lower(mark)
        if TestAndSet<Platform>.wait(
          lock, while: { Platform.entered(.relaxed) == .testAndSet }, resting: Platform.pause)
        {
          return
        }
      }
    }
  }

  @inlinable @inline(__always)
  static func raise(_ mark: Location<UInt32>) {
    // Relaxed: only this CPU writes it, and an interrupt leaves it as it found it. The order
    // before the load that follows is the drainer's barrier on this CPU.
    Platform.store(Platform.load(mark, .relaxed) &+ 1, to: mark, .relaxed)
    Platform.compilerBarrier()
  }

  @inlinable @inline(__always)
  static func lower(_ mark: Location<UInt32>) {
    // Releasing; pairs with the drainer's load: all that the slow path did came before.
    Platform.store(Platform.load(mark, .relaxed) &- 1, to: mark, .releasing)
  }
}
