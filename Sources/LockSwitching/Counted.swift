import LockPlatform
import QueuedSpinlocks

/// What the handler of breakpoints does about an operation at a site, while `barrier` lasts.
public enum Counted<Machine: SwitchMachine> {
  /// Does an operation by the set in force, counted while it runs.
  ///
  /// The CPU is counted from before it reads which set that is: one that read the old set and is
  /// descheduled before it acts is still seen. Not counted: what is done at the gate, which is
  /// sound beside every set, or by a CPU without a number, which is then told the gate.
  @inlinable @inline(__always)
  public static func perform(_ body: (Implementation) -> Void) {
    guard let mark = Machine.mark else { return body(.gate) }
    // Relaxed: only this CPU writes it, and a nested context leaves it as it found it.
    Machine.store(Machine.load(mark, .relaxed) &+ 1, to: mark, .relaxed)
    // The order before the load is the switching CPU's barrier on this one, or the trap's own.
    Machine.compilerBarrier()
    // Acquiring; pairs with the store that put it in place.
    let inForce = Machine.entered(.acquiring)
    if inForce == .gate {
      Machine.store(Machine.load(mark, .relaxed) &- 1, to: mark, .releasing)
      return body(.gate)
    }
    body(inForce)
    Machine.store(Machine.load(mark, .relaxed) &- 1, to: mark, .releasing)
  }

  /// Does what the sites of the slow path call meanwhile: acquires by the slow path in force, and keeps
  /// a reference to the lock.
  ///
  /// `enter` runs the body of a slow path, never of the gate.
  @inlinable @inline(__always)
  public static func slowPath(_ lock: LockWord, into enter: (Implementation) -> Void) {
    var isTaken = false
    while !isTaken {
      perform { inForce in
        if inForce == .gate {
          isTaken = Gate<Machine>.wait(lock)
        } else {
          enter(inForce)
          Machine.acquired(lock.whole.address)
          isTaken = true
        }
      }
    }
  }

  /// Releases a lock by the unlock in force, and drops the reference that the CPU keeps to it.
  @inlinable @inline(__always)
  public static func unlock(_ lock: LockWord, by release: (Implementation) -> Void) {
    perform { inForce in release(inForce.unlock) }
    References<Machine>.drop(lock.whole.address)
  }
}
