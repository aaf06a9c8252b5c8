import CodePatching
import LockPlatform

/// How a switch is carried out.
@frozen public enum SwitchProtocol: UInt8, Sendable {
  /// Batches of pokes ordered so that every mixture is sound, and one drain; no CPU is stopped.
  case staged = 0
  /// All CPUs gathered, then patched in lock-step: the 2020 RFC.
  case stopMachine = 1
  /// Breakpoints everywhere, a barrier on each CPU, then a count that must fall to zero: the 2020
  /// talk.
  case barrier = 2
}

/// Who asked for a switch.
@frozen public enum SwitchReason: UInt8, Sendable {
  /// A person or a program, by name.
  case `operator` = 0
  /// A hint of the hypervisor changed.
  case hint = 1
  /// A policy that watches the system.
  case policy = 2
}

/// In which context the CPUs of a `stopMachine` switch are held.
@frozen public enum StopMode: UInt8, Sendable {
  /// As stop_machine does it: nested contexts still come, and may meet a site in transit. In the
  /// kernel those are NMIs; in a program, signals.
  case task = 0
  /// Inside an NMI handler, in a program with every signal blocked: nothing comes, so nested
  /// contexts that share a lock cannot wait for each other.
  case nmi = 1
}

/// What the `barrier` protocol counts.
@frozen public enum Accounting: UInt8, Sendable {
  /// From slow-path entry to the unlock of that acquisition, as published.
  case untilUnlock = 0
  /// The body of the slow path only. What may be mixed says that more is not needed: both sets
  /// understand the plain locked byte of a holder.
  case slowPathOnly = 1
}

/// Protocol-specific options.
@frozen public struct SwitchOptions: Equatable, Sendable {
  /// For `stopMachine`.
  public var stopMode: StopMode
  /// For `barrier`.
  public var accounting: Accounting

  /// Options.
  @inlinable
  public init(stopMode: StopMode = .task, accounting: Accounting = .untilUnlock) {
    self.stopMode = stopMode
    self.accounting = accounting
  }
}

/// What is asked of a switch.
///
/// Where it begins is the system's state.
@frozen public struct SwitchRequest: Sendable {
  /// The set wanted.
  public var to: LockSet
  /// How the switch is carried out.
  public var `protocol`: SwitchProtocol
  /// Protocol-specific options.
  public var options: SwitchOptions
  /// How `staged` changes sites; the others always use breakpoints.
  public var method: PokeMethod
  /// How long the switch may take before it is undone, in nanoseconds.
  public var timeLimit: UInt64
  /// Who asked.
  public var reason: SwitchReason

  /// A request.
  @inlinable
  public init(
    to: LockSet, using protocol: SwitchProtocol = .staged, options: SwitchOptions = SwitchOptions(),
    poking method: PokeMethod, timeLimit: UInt64, reason: SwitchReason
  ) {
    self.to = to
    self.protocol = `protocol`
    self.options = options
    self.method = method
    self.timeLimit = timeLimit
    self.reason = reason
  }

  /// How sites are changed.
  public var pokeMethod: PokeMethod {
    switch `protocol` {
    case .staged: method
    case .stopMachine, .barrier: .breakpoint
    }
  }

  /// The deadline of what begins now; a limit too long for the clock is none.
  @usableFromInline
  func deadline(from now: UInt64) -> UInt64 {
    let (end, overflow) = now.addingReportingOverflow(timeLimit)
    return overflow ? .max : end
  }
}

/// Why a system cannot be looked at.
@frozen public enum LookFailure: Equatable, Sendable {
  /// The process has no file descriptor left, or the system has none.
  case noDescriptor
  /// There is no /proc, or none that knows this process.
  case noProc
  /// /proc belongs to another pid namespace: its numbers name no thread of this process.
  case otherNamespace
  /// The kernel refused otherwise: an error number.
  case refused(error: Int32)
}

/// Why a switch was refused or undone.
@frozen public enum SwitchFailure: Error, Equatable, Sendable {
  /// Another one has not finished.
  case underWay
  /// The system is ending, and its sites stay what they are.
  case exiting
  /// Code could not be patched.
  case patch(PatchError)
  /// CPUs were still in a slow path when it timed out.
  case notDrained(Implementation)
  /// A thread blocks the signal of the breakpoint method, so that its first breakpoint would kill
  /// the process.
  case breakpointsBlocked(thread: Int32)
  /// A thread blocks every signal that could gather it.
  case gatheringBlocked(thread: Int32)
  /// Every signal that could gather threads has a handler of the program's own.
  case noFreeSignal
  /// A CPU or thread did not come, or did not follow, before the deadline.
  case notGathered(thread: Int32)
  /// Threads, or the protection of text, could not be looked up, so that a check which the switch
  /// depends on could not be made.
  case unchecked(LookFailure)
  /// So many references were still counted at the deadline: what the published text calls
  /// `EAGAIN`.
  case notQuiescent(references: UInt32)
  /// An earlier failure left operations in place that cannot be mixed; no switch can lead on from
  /// there.
  case unsound
  /// The machine lacks something that switching needs.
  case unsupported
  /// There was no memory, or no key for what threads have of their own, for what switching must keep.
  case noMemory
}
