import CodePatching
import LockPlatform

/// Memory of the lock-step.
public enum LockStepArea {
  /// Its size in bytes.
  public static var size: UInt { @inlinable get { 64 } }
}

/// The states that gathered CPUs go through together.
///
///     generation | step     1 ..: a state; everybody serializes and acknowledges each
///     generation | 0        all may go on
///     generation | last     the time was over; all may go on
///
/// The leader writes, publishes the next state and waits until every other CPU has executed a
/// serializing instruction since. Nobody can be held beyond the deadline: followers look at the
/// clock themselves. A leader that finds the others gone serializes them by `Code.serializeCores`
/// instead and goes on: the breakpoint that stands meanwhile is emulated.
///
/// Every function may be called in any context.
public enum LockStep<Machine: SwitchMachine> {
  @inlinable
  static func word(_ index: UInt) -> Location<UInt64> {
    // Contract of `lockStepArea`.
    unsafe Location(address: Machine.lockStepArea &+ index &* 8)
  }
  @inlinable static var state: Location<UInt64> { word(0) }
  @inlinable static var deadline: Location<UInt64> { word(1) }
  // The site in transit: written and read by the leader only.
  @inlinable static var site: Location<UInt64> { word(2) }
  @inlinable static var formBytes: Location<UInt64> { word(3) }
  @inlinable static var formCount: Location<UInt64> { word(4) }

  @inlinable static var steps: UInt64 { 0xffff_ffff }

  @inlinable
  static func isHeld(_ state: UInt64) -> Bool {
    state & steps != 0 && state & steps != steps
  }

  /// The state there is; acquiring, so that what the leader did before is visible.
  @inlinable public static var current: UInt64 { Machine.load(state, .acquiring) }

  /// Whether CPUs are held, or about to be.
  @inlinable public static var isUnderWay: Bool { isHeld(current) }

  /// Whether the last gathering ended because its time was over.
  @inlinable public static var hasGivenUp: Bool { Machine.load(state, .acquiring) & steps == steps }

  // MARK: The leader

  /// Begins to gather, and returns the state by whose acknowledgement the others say that they are
  /// there.
  @inlinable
  public static func begin(until end: UInt64) -> UInt64 {
    Machine.store(end, to: deadline, .relaxed)
    Machine.store(0, to: site, .relaxed)
    // Relaxed: only the leader begins, and nobody is held.
    let first = (Machine.load(state, .relaxed) | steps) &+ 2
    // Releasing; pairs with the loads in `follow`.
    Machine.store(first, to: state, .releasing)
    return first
  }

  /// All may go on.
  @inlinable
  public static func letGo() {
    end(with: 0)
  }

  /// All may go on: the time is over.
  @inlinable
  public static func giveUp() {
    end(with: steps)
  }

  @inlinable
  static func end(with step: UInt64) {
    var now = Machine.load(state, .relaxed)
    while isHeld(now) {
      // Releasing; pairs with the loads in `follow`.
      let seen = Machine.compareExchange(
        state, expected: now, desired: now & ~steps | step, .acquiringAndReleasing)
      if seen == now { return }
      now = seen
    }
  }

  /// Brings a site from whatever it holds to a form; false if a write was refused.
  ///
  /// Each write may be repeated: a context nested over the leader that meets the site finishes it
  /// (`meet`), and the leader then writes the same bytes again.
  @inlinable
  static func carry(_ address: UInt, _ form: Form) -> Bool {
    // Relaxed, and before the breakpoint by program order: the only reader is a context nested
    // over this very code.
    Machine.store(form.bytes, to: formBytes, .relaxed)
    Machine.store(UInt64(form.count), to: formCount, .relaxed)
    Machine.store(UInt64(address), to: site, .relaxed)
    Machine.compilerBarrier()
    return write(.breakpoint, form, address) && write(.tail, form, address)
      && write(.first, form, address)
  }

  @inlinable
  static func write(_ part: Patcher<Machine.Code>.Part, _ form: Form, _ address: UInt)
    -> Bool
  {
    Patcher<Machine.Code>.write(part, form, address) && synchronize()
  }

  /// Returns when every CPU has serialized since the call; false if the machine refused.
  @inlinable
  static func synchronize() -> Bool {
    guard let mine = advance() else { return Machine.Code.serializeCores() }
    var attempt: UInt32 = 0
    while !Machine.haveAcknowledged(mine) {
      let now = Machine.load(state, .acquiring)
      guard isHeld(now) else { return Machine.Code.serializeCores() }
      // A nested context has gone on, and all have acknowledged what came after ours.
      if now != mine { return true }
      if Machine.nanoseconds >= Machine.load(deadline, .relaxed) { giveUp() }
      Machine.relax(attempt)
      attempt &+= 1
    }
    Machine.serializeThisCore()
    return true
  }

  /// The next state; nil if nobody is held any more.
  @inlinable
  static func advance() -> UInt64? {
    var now = Machine.load(state, .relaxed)
    while isHeld(now) {
      // Releasing; pairs with the load in `answer`: the bytes are written.
      let seen = Machine.compareExchange(
        state, expected: now, desired: now &+ 1, .acquiringAndReleasing)
      if seen == now { return now &+ 1 }
      now = seen
    }
    return nil
  }

  // MARK: The others

  /// Follows the leader until all may go on.
  @inlinable
  public static func follow() {
    guard let cpu = Machine.gathered else { return }
    var attempt: UInt32 = 0
    while follows(cpu, attempt) { attempt &+= 1 }
    Machine.serializeThisCore()
  }

  /// Acknowledges the state there is, if this CPU is gathered and has not yet.
  ///
  /// For those that are held up in a context nested over `follow`, at the gate.
  @inlinable
  public static func answer() {
    if let cpu = Machine.gathered { _ = answer(cpu) }
  }

  /// One look; false if all may go on.
  @inlinable
  static func follows(_ cpu: GatheredCPU, _ attempt: UInt32) -> Bool {
    guard answer(cpu) else { return false }
    if attempt & 63 == 63, Machine.nanoseconds >= Machine.load(deadline, .relaxed) { giveUp() }
    Machine.relax(attempt)
    return true
  }

  @inlinable
  static func answer(_ cpu: GatheredCPU) -> Bool {
    // Acquiring; pairs with the release in `advance`: code fetched after the serialization is what
    // the leader wrote before.
    let now = Machine.load(state, .acquiring)
    guard isHeld(now), now & ~steps == cpu.state & ~steps else { return false }
    // Relaxed: our own. Should somebody whose place this was before have written it late, we write
    // it again.
    if Machine.load(cpu.acknowledgement, .relaxed) != now {
      Machine.serializeThisCore()
      // Releasing; pairs with `haveAcknowledged`.
      Machine.store(now, to: cpu.acknowledgement, .releasing)
    }
    return true
  }

  // MARK: The handler of breakpoints

  /// What the handler does about a breakpoint at a site.
  @frozen public enum BreakpointAnswer: Sendable {
    /// The site is whole: execute it again.
    case retry
    /// This CPU is not in the lock-step, or it has ended: do the operation in the site's stead.
    case emulate
  }

  /// Joins the lock-step at a breakpoint.
  ///
  /// A gathered CPU acknowledges until the site is whole, so that the leader goes forward. On the
  /// leader itself nobody else would: it carries the site through the states that are left, here,
  /// and returns to code that finds it done.
  @inlinable
  public static func meet(_ address: UInt) -> BreakpointAnswer {
    guard isUnderWay else { return .emulate }
    if Machine.isLeader { return finish(address) }
    guard let cpu = Machine.gathered else { return .emulate }
    var attempt: UInt32 = 0
    while Machine.Code.loadCode(address, count: 1) == Form.breakpoint {
      guard follows(cpu, attempt) else { return .emulate }
      attempt &+= 1
    }
    return .retry
  }

  @inlinable
  static func finish(_ address: UInt) -> BreakpointAnswer {
    guard Machine.load(site, .relaxed) == UInt64(address) else { return .emulate }
    let form = Form(
      bytes: Machine.load(formBytes, .relaxed), count: Int(Machine.load(formCount, .relaxed)))
    // The breakpoint is there, but not everybody has serialized since, perhaps.
    guard synchronize(), write(.tail, form, address), write(.first, form, address) else {
      return .emulate
    }
    return .retry
  }
}
