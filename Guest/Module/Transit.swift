import LockPlatform

/// What breakpoints stand for while an operation is poked.
struct Transit {
  /// Which implementation the handler does in the stead of a site that is being poked.
  ///
  /// The new one: either would be sound, a plan pokes an operation only while both are.
  static var implementation: Implementation {
    get { Implementation(rawValue: UInt8(truncatingIfNeeded: current.value)) ?? .native }
    set { current.set(UInt64(newValue.rawValue)) }
  }

  /// Whether the next core serialization must wait until no task stands where it stood.
  ///
  /// What the kernel put there (`ConversionSites`) may be two instructions, and a task may have
  /// been interrupted between them: it must have gone on before the second is overwritten. Once
  /// the breakpoints stand nobody new comes there, so one wait for each poke is enough.
  nonisolated(unsafe) static var mustPassTasks = false
}

private let current = SharedWord(0)
