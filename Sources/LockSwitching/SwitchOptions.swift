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

/// What the published protocols leave open.
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
