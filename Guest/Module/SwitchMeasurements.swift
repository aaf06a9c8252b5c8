import KernelServices
import LockPlatform

/// How a switch affected CPUs: each records that for itself.
enum SwitchMeasurements {
  /// What had been counted when it began, by kind and context.
  nonisolated(unsafe) private static var before: InlineArray<12, UInt64> =
    .init(repeating: 0)

  static func begin() {
    unsafe before = total
    for cpu in 0..<cpuNumbersEnd() {
      KernelMachine.store(0, to: KernelCPU(cpu).longestStall, .relaxed)
    }
  }

  /// Records that this CPU was stalled since then.
  static func stalled(since: UInt64) {
    let now = nanosecondsNow()
    // A clock that went back.
    if now > since { stalled(now &- since) }
  }

  /// Records that this CPU was stalled for this many nanoseconds.
  static func stalled(_ nanoseconds: UInt64) {
    // A clock that went back.
    guard nanoseconds < .max / 2 else { return }
    let place = KernelCPU.current.longestStall
    // Relaxed: orders nothing. A context that nests over this may have noted a longer one.
    var longest = KernelMachine.load(place, .relaxed)
    while nanoseconds > longest {
      let seen = KernelMachine.compareExchange(
        place, expected: longest, desired: nanoseconds, .relaxed)
      if seen == longest { return }
      longest = seen
    }
  }

  /// Since `begin`.
  static var values: (longestStall: UInt64, breakpoints: UInt64) {
    var longest: UInt64 = 0
    for cpu in 0..<cpuNumbersEnd() {
      longest = max(longest, KernelMachine.load(KernelCPU(cpu).longestStall, .relaxed))
    }
    var breakpoints: UInt64 = 0
    for context in 0..<4 { breakpoints &+= since(context) }
    return (longest, breakpoints)
  }

  /// How many breakpoints of a kind were hit in a context since `begin`, by index as in `total`.
  static func since(_ index: Int) -> UInt64 { unsafe total[index] &- before[index] }

  /// How many since the module was loaded, by kind and context.
  static var total: InlineArray<12, UInt64> {
    var sum: InlineArray<12, UInt64> = .init(repeating: 0)
    for cpu in 0..<cpuNumbersEnd() {
      for index in sum.indices {
        guard let kind = BreakpointKind(rawValue: UInt(index / 4)) else { continue }
        sum[index] &+= KernelMachine.load(
          KernelCPU(cpu).breakpoints(kind, in: index % 4), .relaxed)
      }
    }
    return sum
  }
}
