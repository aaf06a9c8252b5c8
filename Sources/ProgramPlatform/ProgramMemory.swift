import LockPlatform
import UserSpaceShims

/// A Linux program as a machine whose CPUs are threads.
///
/// It has no instances: the process is the machine, and its state is `tidelock_state`.
public enum ProgramMachine {}

extension ProgramMachine: ProcessorMemory {
  /// No instruction.
  @inline(__always)
  public static func compilerBarrier() {
    tidelock_compiler_barrier()
  }

  /// Pauses.
  ///
  /// While a slow path drains, a waiter in it also gives its processor away now and then: the one
  /// whose turn it is may be waiting for just that processor. In a long wait it sleeps now and then.
  @inline(__always)
  public static func pause(_ attempt: UInt32) {
    tidelock_pause()
    if attempt & 127 == 127 { rest(attempt) }
  }

  @inline(never)
  private static func rest(_ attempt: UInt32) {
    if NativeStalls.isLong(attempt) { NativeStalls.note() }
    if attempt >= LongWait.pauses {
      LongWait.sleep((attempt &- LongWait.pauses) >> 7)
    } else if entered(.relaxed) == .gate {
      yield(attempt >> 7)
    }
  }
}
