import Glibc

/// Signals held back from this thread, and from those it starts, to be waited for instead.
///
/// No handler runs, so nothing is interrupted at a place where it must not be.
struct BlockedSignals {
  private var signals = sigset_t()
  private var before = sigset_t()

  init(_ numbers: [CInt]) {
    // SAFETY: all pointers are to this value's own sets and are used during the calls only.
    unsafe sigemptyset(&signals)
    for number in numbers { unsafe sigaddset(&signals, number) }
    unsafe pthread_sigmask(SIG_BLOCK, &signals, &before)
  }

  /// The signal that came within so many seconds, if one did.
  func wait(seconds: Double) -> CInt? {
    var set = signals
    var limit = timespec(
      tv_sec: Int(seconds), tv_nsec: Int((seconds - seconds.rounded(.down)) * 1e9))
    // SAFETY: the pointers are to locals that outlive the call.
    let signal = unsafe sigtimedwait(&set, nil, &limit)
    return signal > 0 ? signal : nil
  }

  /// Lets them act again as they did before.
  func restore() {
    var set = before
    // SAFETY: the pointer is to a local that outlives the call.
    unsafe pthread_sigmask(SIG_SETMASK, &set, nil)
  }
}
