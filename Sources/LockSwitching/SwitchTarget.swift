import CodePatching
import LockPlatform

/// A running system whose lock operations can be switched: what the runner asks of a platform.
///
/// One switch at a time. Operations are at patch sites (text) or in memory, as the platform has them.
public protocol SwitchTarget {
  /// The CPUs, and how code is read and written. `serializeCores` needs no CPU's help: it is also
  /// called when gathered CPUs do not answer.
  associatedtype Machine: SwitchMachine
  /// The patch sites.
  associatedtype Sites: SiteTable

  /// The state between two steps, in one word that stays from switch to switch.
  ///
  /// Written by the switching CPU only.
  static var state: Location<UInt64> { get }

  // MARK: Before anything is changed

  /// Checks what can be checked in advance except the sites: that every CPU can be reached, may meet
  /// a breakpoint or be gathered, whatever the request needs. Changes nothing that others see.
  static func prepare(_ request: SwitchRequest) throws(SwitchFailure)

  // MARK: Text

  /// Makes the sites known, and their text writable if it is to be written, until `closeText`. In
  /// between no code with sites comes or goes. If it throws, there is nothing to close.
  static func openText(forWriting: Bool) throws(SwitchFailure)

  /// Gives up what `openText` took; it is given up even when this throws.
  static func closeText() throws(SwitchFailure)

  /// The sites, between `openText` and `closeText`.
  static var sites: Sites { get }

  /// Whether an operation is at sites in the text.
  static func isText(_ operation: LockOperation) -> Bool

  /// Takes note of what all sites of an operation hold now, for code that comes later.
  static func note(_ operation: LockOperation, holds implementation: Implementation)

  // MARK: Memory

  /// Puts an implementation of an operation that is not text in place. Not the slow path.
  static func put(_ operation: LockOperation, _ implementation: Implementation)

  /// From now on the slow path leads there: a counted entry, and waiters at the gate.
  ///
  /// Releasing; pairs with the acquiring loads of `SwitchMachine.slowPath`.
  static func lead(to slowPath: Implementation)

  /// Chooses between native and test-and-set where one function is both; called before `lead`, and
  /// before sites lead there, with the text closed. Sound at any time: the two may be mixed.
  static func choose(_ slowPath: Implementation)

  // MARK: Draining

  /// Begins to wait for all slow paths to be left.
  static func beginDrain() throws(SwitchFailure)

  /// Whether every CPU has been seen outside all slow paths since `beginDrain`. Acquiring: what
  /// they did in there is visible.
  static func isDrained() -> Bool

  /// Lets time pass between two looks.
  static func rest()

  /// Returns when every CPU has executed a full memory barrier since the call.
  static func fenceEveryCPU() throws(SwitchFailure)

  // MARK: Measuring

  /// Starts to note how long CPUs are stalled, and how many breakpoints they meet.
  static func beginMeasuring()

  /// What was noted since.
  static var measured: (longestStall: UInt64, breakpoints: UInt64) { get }

  // MARK: stopMachine

  /// Whether a CPU that is gathered is certain to be in no slow path and to hold no lock. Such a
  /// target has put back every site when `gather` reports a failure; it reports `unsound`, and leaves
  /// the slow path leading to the gate, if it could not.
  static var gathersOutsideSlowPaths: Bool { get }

  /// Gathers every CPU, in time or not at all: between `LockStep.begin` and `LockStep.letGo` one
  /// calls `work.lead()` and all others `LockStep.follow()`. Returns when all have gone on.
  static func gather(for work: StopMachineWork<Self>, _ mode: StopMode) throws(SwitchFailure)
    -> StopMachineOutcome

  // MARK: barrier

  /// Begins to lead each CPU to where it is in no operation that it entered uncounted, before the
  /// breakpoints stood; there it calls `References.pass`.
  ///
  /// By default there is nothing to do: all operations that matter are counted at all times.
  static func beginBarrier()

  /// Whether every CPU has been there since. Acquiring.
  static func isBarrierPassed() -> Bool

  /// From now on the handler emulates by `Counted`, or no longer does.
  static func setCounted(_ isCounted: Bool)
}

extension SwitchTarget {
  /// There is nothing to choose.
  public static func choose(_: Implementation) {}

  /// There is nothing to do.
  public static func beginBarrier() {}

  /// No CPU was uncounted.
  public static func isBarrierPassed() -> Bool { true }
}
