import LockPlatform

/// What breakpoints stand for.
struct Transit {
  /// For what they stand.
  enum Purpose: UInt64 {
    /// One operation is being poked.
    case poke = 0
    /// All CPUs are in lock-step.
    case lockStep = 1
    /// They stand on all sites, and operations are counted.
    case counted = 2
  }

  static var purpose: Purpose {
    get { Purpose(rawValue: currentPurpose.value) ?? .poke }
    set { currentPurpose.set(newValue.rawValue) }
  }

  /// Which implementation the handler does in the stead of a site that is being poked.
  ///
  /// The new one: either would be sound, a plan pokes an operation only while both are.
  static var implementation: Implementation {
    get { Implementation(rawValue: UInt8(truncatingIfNeeded: current.value)) ?? .native }
    set { current.set(UInt64(newValue.rawValue)) }
  }

  /// What the handler does of an operation.
  ///
  /// What is not being poked, counted or joined is sound beside every set: the gate and the
  /// paravirtual unlock, and wait and kick, which only paravirtual bodies call.
  static func implementation(of operation: LockOperation) -> Implementation {
    if purpose == .poke { return implementation }
    return operation == .slowPath ? .gate : .paravirtual
  }

  /// Whether the next core serialization must wait until no task stands where it stood.
  ///
  /// What the kernel put there (`ConversionSites`) may be two instructions, and a task may have
  /// been interrupted between them: it must have gone on before the second is overwritten. Once
  /// the breakpoints stand nobody new comes there, so one wait for each poke is enough.
  nonisolated(unsafe) static var mustPassTasks = false
}

private let current = SharedWord(0)
private let currentPurpose = SharedWord(0)
