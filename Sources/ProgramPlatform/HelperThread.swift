import Glibc
import UserSpaceShims

/// A thread of the library's own, which the program does not know of.
public enum HelperThread {
  /// Starts one, detached, with 256 KB of stack; false if there is none to be had.
  ///
  /// It has every signal of the program's blocked but those that an instruction raises.
  public static func start(_ body: @convention(c) () -> Void) -> Bool {
    // The thread is given a function, which stays as long as its image, this one.
    unsafe begin(
      { function in
        HelperThread.blockMost()
        unsafe unsafeBitCast(function, to: (@convention(c) () -> Void).self)()
        return nil
      }, unsafeBitCast(body, to: UnsafeMutableRawPointer.self))
  }

  /// The same with a closure, for which it allocates.
  public static func perform(_ body: @escaping @Sendable () -> Void) -> Bool {
    let job = unsafe Unmanaged.passRetained(Job(body))
    let hasStarted = unsafe begin(
      { job in
        HelperThread.blockMost()
        // Retained below for this thread, its only owner.
        if let job = unsafe job {
          unsafe Unmanaged<Job>.fromOpaque(job).takeRetainedValue().body()
        }
        return nil
      }, job.toOpaque())
    if !hasStarted { unsafe job.release() }
    return hasStarted
  }

  private final class Job: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }

  /// Starts a thread at a function, which first blocks signals again: the C library may have left out
  /// its own.
  private static func begin(
    _ entry: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer?,
    _ argument: UnsafeMutableRawPointer
  ) -> Bool {
    var attributes = pthread_attr_t()
    // The calls only use what they are given while they run.
    unsafe pthread_attr_init(&attributes)
    unsafe pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    unsafe pthread_attr_setstacksize(&attributes, 256 << 10)
    var thread = pthread_t()
    var signals: UInt64 = 0
    // The thread begins with these signals blocked.
    unsafe tidelock_block_signals(&signals)
    blockMost()
    let result = unsafe pthread_create(&thread, &attributes, entry, argument)
    unsafe tidelock_restore_signals(&signals)
    unsafe pthread_attr_destroy(&attributes)
    return result == 0
  }

  /// Blocks most signals (`tidelock_most_signals`); the C library's first one too, which says that the thread
  /// cannot be gathered (`Tasks.each`).
  private static func blockMost() {
    var signals = tidelock_most_signals()
    // Only used during the call.
    unsafe tidelock_restore_signals(&signals)
  }

  /// Sleeps for so many nanoseconds, which is no cancellation point.
  public static func sleep(_ nanoseconds: UInt64) { tidelock_sleep(nanoseconds) }

  /// Now, on the clock of samples, in nanoseconds.
  public static var now: UInt64 { tidelock_nanoseconds() }

  /// The kernel's number of the thread that asks.
  public static var number: Int { Int(tidelock_tid()) }
}
