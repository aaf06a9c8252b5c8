import GuestTestBed

extension GuestShell {
  /// Mounts the files of the kernel's tracing.
  ///
  /// Recording the names of tasks is switched off: it makes the kernel patch the scheduler's hottest
  /// tracepoint whenever any event is enabled or disabled, and the emulator now and then goes on to
  /// execute the breakpoint of such a patch after it is gone, with or without Tidelock.
  func mountTracing() async throws(GuestError) {
    try await run("mount -t tracefs tracefs /sys/kernel/tracing")
    try await run("echo norecord-cmd > /sys/kernel/tracing/trace_options")
  }
}
