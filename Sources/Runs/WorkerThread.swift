import Glibc

/// A thread could not be started.
public struct ThreadError: Error, CustomStringConvertible {
  let code: CInt

  /// One sentence with the system's reason.
  public var description: String {
    // SAFETY: strerror returns a C string that is valid until this thread calls it again.
    let reason = unsafe String(cString: strerror(code))
    return "A worker thread cannot be started (\(reason)); ask for fewer threads."
  }
}

/// A thread of the system, to be joined exactly once.
///
/// Not a task: the cooperative pool has one thread per CPU and cannot be oversubscribed. Not
/// Foundation's `Thread` either: that neither reports a failure to start nor can be joined.
/// It blocks the signals that ask a run to end, so that they interrupt the sleep of other threads.
public struct WorkerThread: Sendable {
  /// The C library's handle.
  public let handle: pthread_t

  private final class Body {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
  }

  /// Starts one.
  public init(_ run: @escaping @Sendable () -> Void) throws(ThreadError) {
    var signals = sigset_t()
    var before = sigset_t()
    // SAFETY: both sets outlive the calls. A thread begins with what is blocked where it is made.
    unsafe sigemptyset(&signals)
    for signal in CaughtSignals.endings + [SIGTSTP] { unsafe sigaddset(&signals, signal) }
    unsafe pthread_sigmask(SIG_BLOCK, &signals, &before)
    defer { unsafe pthread_sigmask(SIG_SETMASK, &before, nil) }
    // SAFETY: the new thread takes over the one reference that is retained here; if there is no
    // new thread, it is released here.
    let body = unsafe Unmanaged.passRetained(Body(run))
    var thread = pthread_t()
    let code = unsafe pthread_create(
      &thread, nil,
      { argument in
        if let argument = unsafe argument {
          unsafe Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run()
        }
        return nil
      }, body.toOpaque())
    guard code == 0 else {
      unsafe body.release()
      throw ThreadError(code: code)
    }
    handle = thread
  }

  /// Waits until the thread has ended.
  public func join() {
    pthread_join(handle, nil)
  }
}
