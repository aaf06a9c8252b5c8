import CodePatching
import LockPlatform
import LockSwitching
import ModelChecker

/// What the CPUs of the model being explored do.
///
/// Plain values, set before the exploration begins and only read while it lasts.
struct ModelSettings {
  /// Of each CPU: what it does, one after the other.
  var jobs = InlineArray<4, InlineArray<3, Job>>(repeating: InlineArray(repeating: .none))
  /// Of each CPU: whether it then begins again.
  var isEndless = InlineArray<4, Bool>(repeating: false)
  /// Of each CPU and nesting level: the lock that a handler takes.
  var handlerLocks = InlineArray<4, InlineArray<3, UInt8>>(repeating: [1, 2, 3])
  /// Of each CPU: the number under which the locks know it; `noNumber` if it has none.
  var numbers: InlineArray<4, UInt32> = [0, 1, 2, 3]
  /// Of each CPU: where it waits.
  var waiting: InlineArray<4, Waiting> = [.native, .native, .native, .native]
  /// Of each CPU: how it unlocks.
  var unlocking: InlineArray<4, Unlocking> = [.native, .native, .native, .native]
  /// What a CPU without a number has in its place.
  static var noNumber: UInt32 { .max }
  /// Whoever takes a lock last frees it, unless handlers take it.
  var freesLocks = false
  /// Queues are checked to be first come, first served.
  var checksOrder = false
  /// A head that spins is checked to be passed by nobody; under sequential consistency.
  var checksStealing = false
  /// Who takes a lock by the fast path is checked to pass only who came to wait after its look.
  var checksPassing = false
  /// What the lock guards is read and written, not only held.
  var touchesData = true
  /// Wait and kick look into the operation table first.
  var readsTable = false
  /// Every wait may end by time, so none is for good.
  var waitsTimeOut = false
  /// The two looks of a newcomer are one step.
  var joinsLooks = false
  /// The breakage, if any.
  var mutation: Mutation?
  /// How many calls that may be refused are, in the whole run; the explorer chooses which.
  var failures: UInt32 = 0
  /// Which calls are refused.
  var failingCalls = ModelFailures.Calls.all
  /// How many CPUs there are, the switching one included.
  var cpus: UInt32 = 0
  /// Aligned 8-byte stores to code are fetched whole or not at all.
  var wordStoresAreWhole = true
  /// How the model switches, if it does.
  var switchProtocol = SwitchProtocol.staged
  /// The fast path and the native queue are Linux's, the slow path is text, and CPUs are reached only
  /// where they hold nothing.
  var isKernel = false
  /// CPUs can be gathered while they hold locks.
  var isGatheredHoldingLocks: Bool { switchProtocol == .stopMachine && !isKernel }
  /// What is to be counted until its unlock is checked to be so.
  var checksReferences: Bool {
    switchProtocol == .barrier && options.accounting == .untilUnlock
  }
  /// How sites are changed.
  var method = PokeMethod.store
  /// What the protocol leaves open.
  var options = SwitchOptions()
  /// The sets that are asked for, one after the other.
  var rounds: InlineArray<3, LockSet> = [.native, .native, .native]
  var roundCount = 0
  /// The set in force at first.
  var first = LockSet.native
  /// What becomes of the plans.
  var planEdit: PlanEdit?
  /// A set of this model is test-and-set: a kernel's native slow path looks which it is.
  var hasTestAndSet = false
  /// Stores linger in buffers.
  var hasStoreBuffers = false
  /// A kernel's slow paths are waited for by grace periods.
  var hasSections = false

  /// That of this thread's exploration.
  ///
  /// Its bodies read it; it is set between explorations only.
  @inline(__always)
  static var current: ModelSettings {
    _read { yield unsafe place.pointee }
    set { unsafe place.pointee = newValue }
  }

  /// Each thread's own; nobody else sees it, and it lives as long as the program.
  @inline(__always)
  private static var place: UnsafeMutablePointer<ModelSettings> {
    // Nothing but `make` sets the context of a thread that explores these models.
    unsafe Simulated.context?.assumingMemoryBound(to: ModelSettings.self) ?? make()
  }

  @inline(never)
  private static func make() -> UnsafeMutablePointer<ModelSettings> {
    let place = UnsafeMutablePointer<ModelSettings>.allocate(capacity: 1)
    unsafe place.initialize(to: ModelSettings())
    unsafe Simulated.context = UnsafeMutableRawPointer(place)
    return unsafe place
  }
}

/// Where a CPU goes that found the lock taken.
public enum Waiting: UInt8, Sendable, CaseIterable {
  /// The native queue.
  case native
  /// The paravirtual queue.
  case paravirtual
  /// Test-and-set.
  case testAndSet
  /// The counted entry, and from there where the table leads.
  case counted
  /// Where its slow path site leads.
  case site
}

/// How a CPU unlocks.
public enum Unlocking: UInt8, Sendable, CaseIterable {
  /// One store.
  case native
  /// Compare-exchange, and wake the head.
  case paravirtual
  /// What its unlock site holds.
  case site
}
