import Glibc

/// What this program has used, by two system calls and without any file.
package struct OwnUse: Sendable {
  /// For how long its threads ran, in nanoseconds.
  package let ran: Int64
  /// How often a CPU was taken from one of its threads that wanted to go on.
  package let switches: Int64

  /// Asks the kernel.
  package init() {
    var time = timespec()
    var use = rusage()
    // Both write what they are given and cannot fail with these arguments.
    unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &use)
    ran = Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    switches = Int64(use.ru_nivcsw)
  }
}
