import ProgramSamples
import SwitchPolicy

/// Makes samples of the machine that this runs on, which is a guest, without privileges.
public struct GuestRecorder {
  /// The kernel does not show what its CPUs did.
  public struct NothingShown: Error, CustomStringConvertible {
    /// One sentence.
    public let description =
      "/proc/stat shows nothing of this machine's CPUs; mount /proc, or record one program with --pid."
  }

  private var samples: MachineSamples

  /// Looks for the first time; `time` is now, in nanoseconds.
  public init(at time: UInt64) throws(NothingShown) {
    guard let samples = MachineSamples(at: time) else { throw NothingShown() }
    self.samples = samples
  }

  /// What was not to be had, and why.
  public var missing: [String] { samples.missing }

  /// The head of a trace of the machine.
  public var trace: Trace {
    Trace(.guest, isSynthetic: false, comment: "this machine", missing: missing)
  }

  /// What happened since the last look; nil if the kernel shows nothing any more.
  public mutating func look(at now: UInt64) -> ProgramSamples.Recorded? { samples.look(at: now) }
}
