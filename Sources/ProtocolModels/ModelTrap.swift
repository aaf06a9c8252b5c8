import CodePatching
import LockPlatform
import LockSwitching
import ModelChecker
import QueuedSpinlocks

/// The handler of breakpoints, as programs and kernels have it.
enum ModelTrap {
  private typealias Machine = ModelMachine

  /// Handles a breakpoint; true if the operation was emulated.
  @inline(never)
  static func take(_ site: CodeWord, _ lock: LockWord, _ cpu: UInt32) -> Bool {
    // Returning from a handler serializes (Intel SDM vol. 3A 9.3, IRET).
    defer { CodeWord.serializeAll(cpu) }
    // A kernel's handler runs with preemption off, so a grace period waits for an unlock that it
    // emulates; calls of slow paths are covered at their sites.
    let isUnlock = site.address == CodeWord.unlock.address
    if isUnlock { ModelSections.enter() }
    defer { if isUnlock { ModelSections.leave() } }
    switch BreakpointHit.resolve(site.address, ModelSites(), ModelCode.self) {
    case .notOurs:
      Simulated.fail("a breakpoint at a site is not known")
      return true
    case .retry: return false
    case .emulate(let operation):
      if ModelSettings.current.switchProtocol == .stopMachine, joins(site) { return false }
      emulate(operation, lock)
      if ModelSettings.current.mutation == .resumesInside {
        Simulated.fail("goes on in the middle of a form")
      }
      return true
    }
  }

  /// Whether the site is whole now, since this CPU is part of the lock-step.
  private static func joins(_ site: CodeWord) -> Bool {
    let mutation = ModelSettings.current.mutation
    if mutation == .handlerDoesNotJoin && !Machine.isLeader
      || mutation == .leaderDoesNotFinish && Machine.isLeader,
      LockStep<Machine>.isUnderWay
    {
      Simulated.pause(0)
      return true
    }
    if mutation == .handlerFinishesAtOnce, Machine.isLeader {
      Simulated.store(1, to: ModelMemory.finishing, .relaxed)
    }
    return LockStep<Machine>.meet(site.address) == .retry
  }

  private static func emulate(_ operation: LockOperation, _ lock: LockWord) {
    if ModelSettings.current.switchProtocol == .barrier,
      Machine.load(ModelMemory.isCounted, .relaxed) != 0
    {
      return operation == .slowPath ? countedSlowPath(lock) : countedUnlock(lock)
    }
    if operation == .slowPath {
      switch ModelSettings.current.mutation {
      case .emulatesOldSlowPath where ModelSettings.current.first == .native:
        return LinuxQueue.slowPath(lock)
      case .emulatesOldSlowPath: return ParavirtualQueue<Machine>.slowPath(lock)
      default: return gate(lock)
      }
    }
    switch ModelSettings.current.mutation {
    case .emulatesNothing: break
    case .emulatesNative: NativeQueue<Machine>.unlock(lock)
    default:
      // Sound beside every slow path, whatever the poke leads to.
      ParavirtualQueue<Machine>.unlock(lock)
    }
  }

  private static func countedUnlock(_ lock: LockWord) {
    let release = { (unlock: Implementation) in
      unlock == .native
        ? NativeQueue<Machine>.unlock(lock) : ParavirtualQueue<Machine>.unlock(lock)
    }
    guard ModelSettings.current.mutation == .dropsLast else {
      return Counted<Machine>.unlock(lock, by: release)
    }
    Counted<Machine>.perform { release($0.unlock) }
    References<Machine>.drop(lastKept ?? lock.whole.address)
  }

  /// What a CPU that assumes unlocks to be last-in first-out takes for the lock it has released.
  private static var lastKept: UInt? {
    guard let area = Machine.references else { return nil }
    var last: UInt?
    for index: UInt in 0..<7 {
      // Contract of `SwitchMachine.references`.
      let place = unsafe Location<UInt64>(address: area &+ 8 &+ index &* 8)
      let lock = Machine.load(place, .relaxed)
      if lock != 0 { last = UInt(lock) }
    }
    return last
  }

  /// A kernel's slow path while the barrier counts.
  private static func countedSlowPath(_ lock: LockWord) {
    Counted<Machine>.slowPath(lock) { enter($0, lock) }
  }

  /// A kernel's gate.
  ///
  /// All of it lies within the call of the site, and so within what a grace period waits for.
  static func gate(_ lock: LockWord) {
    let mutation = ModelSettings.current.mutation
    mutation?.note(isAtGate: true)
    defer { mutation?.note(isAtGate: false) }
    Gate<Machine>.slowPath(lock) { next in
      if mutation == .gateLeadsOnUncounted { ModelSections.leave() }
      defer { if mutation == .gateLeadsOnUncounted { ModelSections.enter() } }
      enter(
        mutation == .gateLeadsToOld
          ? ModelSettings.current.first.implementation(of: .slowPath) : next,
        lock)
    }
  }

  /// The body of a slow path of a kernel's.
  private static func enter(_ slowPath: Implementation, _ lock: LockWord) {
    switch slowPath {
    case .paravirtual: ParavirtualQueue<Machine>.slowPath(lock)
    case .native, .testAndSet: nativeSlowPath(lock)
    // Nobody is led from the gate to the gate.
    case .gate: break
    }
  }

  /// A kernel's native slow path, which is test-and-set while a key of its own says so.
  static func nativeSlowPath(_ lock: LockWord) {
    if ModelSettings.current.hasTestAndSet, Machine.load(ModelMemory.key, .relaxed) != 0 {
      return TestAndSet<Machine>.slowPath(lock)
    }
    LinuxQueue.slowPath(lock)
  }
}

/// Where a grace period cannot end: a kernel's slow path runs with preemption off from before its call
/// until after its return.
enum ModelSections {
  static func enter() { change(by: 1) }

  static func leave() { change(by: .max) }

  private static func change(by difference: UInt32) {
    guard ModelSettings.current.hasSections else { return }
    let section = ModelMemory.section(Simulated.cpu)
    // Together with what came before: preemption is off for longer than that.
    Simulated.fuse(true)
    ModelMachine.store(ModelMachine.load(section, .relaxed) &+ difference, to: section, .releasing)
    Simulated.fuse(false)
  }
}
