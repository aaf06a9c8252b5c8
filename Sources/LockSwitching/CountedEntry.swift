import LockPlatform
import QueuedSpinlocks

/// What the gate asks of a machine.
public protocol GateMachine: AtomicMemory {
  /// Which slow path is in place, as the raw value of an `Implementation`.
  static var slowPath: Location<UInt32> { get }

  /// Gives the processor to somebody else for a moment: how one waits at the gate.
  static func yield()

  /// A clock in nanoseconds.
  static var nanoseconds: UInt64 { get }

  /// Notes that the current CPU was held up by a switch for so long.
  static func noteHold(_ nanoseconds: UInt64)
}

/// What the counted entry asks of a machine.
public protocol CountedMachine: LockMachine, GateMachine {
  /// How many slow paths the current CPU is in, only ever written by that CPU; nil if the CPU has
  /// no number. A drain reads it.
  static var mark: Location<UInt32>? { get }

  /// Told of each lock that was taken through a queue, while its slow path is still counted: for
  /// `References.keep`. By default nobody wants to know.
  static func hasTaken(_ lock: LockWord)
}

extension CountedMachine {
  /// Nobody wants to know.
  @inlinable @inline(__always)
  public static func hasTaken(_ lock: LockWord) {}
}

/// The slow path while the old one drains.
///
/// Who waits here takes the lock when its whole word is 0, which is sound beside either queue; so
/// nobody joins a queue, and the drain ends. One goes on trying: a CPU that holds one lock while
/// it waits here for another may be what the drain is waiting for. And one leaves once the gate is
/// open: a waiter that stayed would starve as soon as the new queue never runs empty.
public enum Gate<Platform: GateMachine> {
  /// Waits at the gate.
  ///
  /// True if the lock was taken, false if the gate is open.
  @inlinable
  public static func wait(_ lock: LockWord) -> Bool {
    let began = Platform.nanoseconds
    defer { Platform.noteHold(Platform.nanoseconds &- began) }
    return TestAndSet<Platform>.wait(
      lock, while: { Platform.isInPlace(.gate) }, resting: { _ in Platform.yield() })
  }
}

extension GateMachine {
  /// Whether a slow path is in place just now.
  ///
  /// Relaxed: a hint for who waits without being counted; it reads again, counted, before it goes
  /// anywhere.
  @inlinable @inline(__always)
  static func isInPlace(_ implementation: Implementation) -> Bool {
    load(slowPath, .relaxed) == UInt32(implementation.rawValue)
  }
}

/// The one entry to all slow paths where a patched jump could not be drained: a program's.
///
/// The CPU is counted from before it reads which slow path is in place until it has left it. The
/// count is a plain increment: the drainer publishes the new slow path, makes every CPU execute a
/// full barrier (membarrier), and then reads the counts, so either it sees ours, or we see the new
/// slow path.
public enum CountedEntry<Platform: CountedMachine> {
  /// Takes the lock by the slow path in place.
  ///
  /// Callable in nested contexts: counts nest.
  @inlinable
  public static func slowPath(_ lock: LockWord) {
    Platform.count(.slowPath)
    guard let mark = Platform.mark else {
      // Cannot be counted, so it must not enter what is drained. Sound beside everything.
      return TestAndSet<Platform>.slowPath(lock)
    }
    while true {
      raise(mark)
      // Acquiring; pairs with the store that put it in place.
      switch Platform.load(Platform.slowPath, .acquiring) {
      case UInt32(Implementation.native.rawValue):
        NativeQueue<Platform>.slowPath(lock)
        Platform.hasTaken(lock)
        return lower(mark)
      case UInt32(Implementation.paravirtual.rawValue):
        ParavirtualQueue<Platform>.slowPath(lock)
        Platform.hasTaken(lock)
        return lower(mark)
      case UInt32(Implementation.gate.rawValue):
        // Not counted while it waits here, or the drain would wait for us and we for the drain.
        lower(mark)
        Platform.count(.gate)
        if Gate<Platform>.wait(lock) { return }
      default:
        // Queued nowhere, like who waits at the gate, and as free to leave for another slow path.
        lower(mark)
        if TestAndSet<Platform>.wait(
          lock, while: { Platform.isInPlace(.testAndSet) }, resting: Platform.pause)
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
