import CodePatching
import KernelServices
import LockPlatform
import LockSwitching

/// The running kernel, as the floors switch it.
///
/// Called by one thread at a time, with the CPUs held: none comes or goes meanwhile.
enum KernelTarget: SwitchTarget {
  static func prepare(_ plan: Plan, _ method: PokeMethod) throws(SwitchFailure) {
    guard method == .breakpoint else { throw .unsupported }
    lockText()
    defer { unlockText() }
    // An operation may be poked twice: what it holds the second time is known from the first.
    var seen: InlineArray<5, Bool> = .init(repeating: false)
    for index in 0..<plan.count {
      guard case .poke(let operation, let old, _) = plan[index], !seen[Int(operation.rawValue)]
      else { continue }
      seen[Int(operation.rawValue)] = true
      do throws(PatchError) {
        _ = try Poke<KernelMemory>.verify(unsafe control.sites, operation, holds: old)
      } catch {
        throw .patch(error)
      }
    }
  }

  static func poke(
    _ operation: LockOperation, from old: Implementation, to new: Implementation,
    by method: PokeMethod
  ) throws(SwitchFailure) -> UInt32 {
    if operation == .slowPath {
      // Nobody is in the native slow path now: it is drained, or was not in place.
      if old == .gate, new != .paravirtual, let key = unsafe control.symbols?.testAndSetKey {
        setKey(key, new == .testAndSet)
      }
      // Those at the gate go on as soon as it opens; if it closes, as yet there is nobody.
      SlowPathInPlace.set(new)
    }
    let sites = unsafe control.sites
    let written: UInt32
    if sites.forms.differ(operation, old, new) {
      written = try pokeSites(sites, operation, from: old, to: new)
    } else {
      written = 0
    }
    // The gate is nothing for a module that comes: it is refused while a switch lasts.
    if new != .gate {
      let body = sites.forms[operation, new]
      setKernelOperation(Int32(operation.rawValue), body.function, !body.isInline)
    }
    return written
  }

  private static func pokeSites(
    _ sites: KernelSites, _ operation: LockOperation, from old: Implementation,
    to new: Implementation
  ) throws(SwitchFailure) -> UInt32 {
    lockText()
    defer { unlockText() }
    Transit.implementation = new
    do throws(PatchError) {
      return UInt32(
        try Poke<KernelMemory>.poke(sites, operation, from: old, to: new, by: .breakpoint))
    } catch {
      if operation == .slowPath { SlowPathInPlace.set(old) }
      throw .patch(error)
    }
  }

  // MARK: Draining

  // A slow path runs with preemption off from before its call until after its return, so a grace
  // period ends only when every CPU that was in one has left it. RCU does not watch CPUs that
  // idle, but those take locks with interrupts off only.

  static func beginDrain() {
    unsafe gracePeriod = beginGracePeriod()
  }

  static func isDrained() -> Bool {
    guard unsafe gracePeriodIsOver(gracePeriod) else { return false }
    interruptAll()
    return true
  }

  static func rest() { shortRest() }

  static var nanoseconds: UInt64 { nanosecondsNow() }

  static func beginMeasuring() { Measured.begin() }

  static var measured: (longestHold: UInt64, breakpoints: UInt64) { Measured.values }
}

/// Names the grace period that a drain waits for.
///
/// Only the switching thread uses it.
nonisolated(unsafe) private var gracePeriod: UInt = 0

extension KernelForms {
  /// Whether sites hold something else for one implementation than for the other.
  func differ(
    _ operation: LockOperation, _ one: Implementation, _ other: Implementation
  ) -> Bool {
    let (first, second) = (self[operation, one], self[operation, other])
    return first.isInline != second.isInline
      || (!first.isInline && first.function != second.function)
  }
}
