import KernelServices
import LockPlatform
import LockSwitching

/// Words that all CPUs share, in memory from cpus.c.
enum SharedWords {
  /// `LockStepArea.size` bytes, aligned to 64.
  static var lockStep: UInt { sharedWords() }
  // Contract of all: offsets in that memory, which stays while the module does.
  static var slowPath: Location<UInt32> { unsafe Location(address: sharedWords() &+ 64) }
  static var counting: Location<UInt32> { unsafe Location(address: sharedWords() &+ 72) }
  /// A CPU that was waited for.
  static var straggler: Location<UInt32> { unsafe Location(address: sharedWords() &+ 80) }
  /// What is in place (`SwitchState`).
  static var state: Location<UInt64> { unsafe Location(address: sharedWords() &+ 88) }
  /// Whether the handler counts what it emulates, for `barrier`.
  static var isCounted: Location<UInt32> { unsafe Location(address: sharedWords() &+ 96) }
}

/// Memory of one CPU: 256 bytes, aligned to 64, zero when the module is loaded.
///
///     0 references   64 acknowledgement   72 state of the gathering it follows, 0: none
///     80 mark   88 longest stall   96, 128, 160 counts of breakpoints, four each   192 NMIs
struct KernelCPU {
  private let address: UInt

  /// The current CPU; preemption is off.
  static var current: KernelCPU { KernelCPU(address: ownArea()) }

  private init(address: UInt) {
    self.address = address
  }

  init(_ number: UInt32) {
    address = area(of: number)
  }

  // Contract of all: offsets in the area, which stays while the module does.
  var references: UInt { address }
  var acknowledgement: Location<UInt64> { unsafe Location(address: address &+ 64) }
  var following: Location<UInt64> { unsafe Location(address: address &+ 72) }
  var mark: Location<UInt32> { unsafe Location(address: address &+ 80) }
  var longestStall: Location<UInt64> { unsafe Location(address: address &+ 88) }

  var nmis: NMIClaims<KernelMachine> { unsafe NMIClaims(area: address &+ 192) }

  /// How many breakpoints of a kind were hit in a context.
  func breakpoints(_ kind: BreakpointKind, in context: Int) -> Location<UInt64> {
    unsafe Location(address: address &+ 96 &+ kind.rawValue &* 32 &+ UInt(context) &* 8)
  }

  /// Counts a breakpoint.
  ///
  /// Relaxed, and not atomic as a whole: only this CPU writes it, in this context.
  func count(_ kind: BreakpointKind, in context: Int) {
    let count = breakpoints(kind, in: context)
    KernelMachine.store(KernelMachine.load(count, .relaxed) &+ 1, to: count, .relaxed)
  }
}

/// The kinds of breakpoints at sites that are counted.
enum BreakpointKind: UInt {
  /// All of them.
  case all = 0
  /// Those whose CPU joined a lock-step.
  case joined = 1
  /// Those that ended a critical section: a lock taken before the breakpoint was met, or while it
  /// stood, and released at it.
  case released = 2
}

// What the C files ask about the NMIs that CPUs send each other; preemption is off.

@_cdecl("tidelock_nmi_begins")
func nmiBegins(_ cpu: UInt32) { KernelCPU(cpu).nmis.begin() }

@_cdecl("tidelock_nmi_ends")
func nmiEnds(_ cpu: UInt32) { KernelCPU(cpu).nmis.end() }

@_cdecl("tidelock_claims_nmi")
func claimsNMI(_ recognised: UInt32) -> Bool {
  KernelCPU.current.nmis.claim(recognised: recognised)
}

@_cdecl("tidelock_settle_nmis")
func settleNMIs() { KernelCPU.current.nmis.settle() }
