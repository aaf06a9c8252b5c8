import Foundation
import ProgramSamples
import SwitchPolicy

/// Makes samples of a program of this machine, from outside of it and without privileges.
public struct ProgramRecorder {
  /// There is no such program, or it cannot be seen.
  public struct NoProgram: Error, CustomStringConvertible {
    let pid: Int

    /// One sentence.
    public var description: String {
      "No program has the number \(pid), or this user may not see it; `ps` lists those there are."
    }
  }

  /// What was not to be had at the start, and why.
  public let missing: [String]

  private let pid: Int
  private var samples: ProgramSamples

  /// Looks at the program for the first time; `time` is now, in nanoseconds.
  public init(
    of pid: Int, at time: UInt64, _ roots: ProgramReadings.Roots = .init(),
    ticksPerSecond: Int = ProgramSamples.ticksPerSecond
  ) throws(NoProgram) {
    self.pid = pid
    guard
      let samples = ProgramSamples(
        of: .other(pid: pid), at: time, roots, ticksPerSecond: ticksPerSecond)
    else { throw NoProgram(pid: pid) }
    self.samples = samples
    missing =
      samples.missing + [
        "hint: a program is not told", "the locks' own observation: only the program itself has it",
      ]
  }

  /// The head of a trace of the program.
  public var trace: Trace {
    Trace(.program, isSynthetic: false, comment: "program \(pid)", missing: missing)
  }

  /// What happened since the last look; nil if the program has ended.
  public mutating func look(at now: UInt64) -> ProgramSamples.Recorded? { samples.look(at: now) }
}
