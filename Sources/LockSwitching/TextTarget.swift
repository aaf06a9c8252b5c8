import CodePatching
import LockPlatform

/// A system whose sites a protocol writes itself, instead of asking for whole pokes.
public protocol TextTarget: SwitchTarget {
  /// The sites of the system.
  associatedtype Sites: SiteTable
  /// How they are read and written. Its `serializeCores` needs nobody's help: it is also called
  /// when gathered CPUs do not answer.
  associatedtype Code: CodeMemory

  /// Checks, before anything is written, that every CPU may meet a breakpoint, and puts the handler
  /// in place.
  static func prepareBreakpoints() throws(SwitchFailure)

  /// Makes the text writable and its sites known, until `closeText`. In between no code with sites
  /// comes or goes.
  static func openText() throws(SwitchFailure)

  /// Gives up what `openText` took.
  static func closeText()

  /// The sites, between `openText` and `closeText`.
  static var sites: Sites { get }

  /// Whether an operation is at sites in the text. Those that are not are memory, and `poke`
  /// changes them.
  static func isText(_ operation: LockOperation) -> Bool

  /// From now on the counted entry leads to this slow path, or to the gate. For systems whose slow
  /// path is always, or while breakpoints stand, reached through one entry that reads where it
  /// leads.
  static func enter(_ slowPath: Implementation)

  /// Takes note of what all sites of an operation hold now.
  static func note(_ operation: LockOperation, holds implementation: Implementation)
}
