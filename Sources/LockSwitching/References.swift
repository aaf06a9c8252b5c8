import LockPlatform

/// What one CPU is counted for: the operations it is in (its mark), and the locks that it took
/// through a slow path and has not released.
///
/// Locks are kept by address, so an unlock finds its own acquisition in whatever order they come,
/// and one that was taken by the fast path, which nobody saw, is found to be none. A set of
/// addresses does for each CPU what the published bitmap by nesting level does, without assuming
/// that the last taken is the first released.
///
///     generation that it passed | seven locks, 0 where free
///
/// The word `counting` says who keeps what:
///
///     generation << 2 | until unlock << 1 | under way
///
/// A CPU writes its own memory only; the switching one only reads it.
public enum References<Machine: SwitchMachine> {
  /// Its size in bytes.
  @inlinable public static var size: UInt { 64 }
  /// How many locks can be kept.
  ///
  /// A CPU that holds more counts the others' slow paths only, which is
  /// sound.
  @inlinable static var room: UInt { 7 }

  @inlinable
  static func generation(_ area: UInt) -> Location<UInt32> {
    // Contract of `SwitchMachine.references`, here and below.
    unsafe Location(address: area)
  }

  @inlinable
  static func kept(_ area: UInt, _ index: UInt) -> Location<UInt64> {
    unsafe Location(address: area &+ 8 &+ index &* 8)
  }

  @inlinable static var underWay: UInt32 { 1 }
  @inlinable static var untilUnlock: UInt32 { 2 }

  // MARK: On the CPU itself

  /// Keeps a reference to a lock that the CPU has just taken by the slow path, until its unlock.
  ///
  /// Still within the mark of that slow path.
  @inlinable @inline(__always)
  public static func keep(_ lock: UInt) {
    // Relaxed: the breakpoints stood before it was written, and who reads it late counts the body
    // of this slow path only.
    let counting = Machine.load(Machine.counting, .relaxed)
    if counting & underWay != 0 { keep(lock, counting) }
  }

  @inlinable @inline(never)
  static func keep(_ lock: UInt, _ counting: UInt32) {
    guard let area = Machine.references, let mark = Machine.mark else { return }
    if Machine.load(generation(area), .relaxed) != counting {
      // The barrier, passed where this CPU is in no other operation than the one it now leaves.
      guard Machine.load(mark, .relaxed) == 1 else { return }
      pass(area, counting)
    }
    guard counting & untilUnlock != 0 else { return }
    for index in 0..<room {
      // An update, so that a context nested over this one takes another place.
      if Machine.compareExchange(
        kept(area, index), expected: 0, desired: UInt64(lock), .acquiringAndReleasing) == 0
      {
        return
      }
    }
  }

  /// Passes the barrier: the current CPU is in no operation, and what it holds is not counted.
  ///
  /// Only where nothing but nested contexts, which leave it as they found it, runs on this CPU.
  @inlinable
  public static func pass() {
    guard let area = Machine.references else { return }
    let counting = Machine.load(Machine.counting, .relaxed)
    if counting & underWay != 0, Machine.load(generation(area), .relaxed) != counting {
      pass(area, counting)
    }
  }

  @inlinable
  static func pass(_ area: UInt, _ counting: UInt32) {
    for index in 0..<room { Machine.store(0, to: kept(area, index), .relaxed) }
    // Releasing; pairs with the loads in `hasPassed` and `count`.
    Machine.store(counting, to: generation(area), .releasing)
  }

  /// Drops the reference to a lock that the CPU has released, if it kept one.
  @inlinable
  public static func drop(_ lock: UInt) {
    guard let area = Machine.references else { return }
    for index in 0..<room where Machine.load(kept(area, index), .relaxed) == UInt64(lock) {
      // Releasing; pairs with `count`: the unlock is done.
      Machine.store(0, to: kept(area, index), .releasing)
      return
    }
  }

  /// Forgets everything: the CPU goes away.
  @inlinable
  public static func forget(_ area: UInt) {
    Machine.store(0, to: generation(area), .relaxed)
    for index in 0..<room { Machine.store(0, to: kept(area, index), .relaxed) }
  }

  // MARK: On the CPU that switches

  /// Begins another generation.
  @inlinable
  static func begin(_ accounting: Accounting) {
    // Relaxed, as in `keep`; only who switches writes it.
    let before = Machine.load(Machine.counting, .relaxed) >> 2
    let flags = underWay | (accounting == .untilUnlock ? untilUnlock : 0)
    Machine.store((before &+ 1) << 2 | flags, to: Machine.counting, .relaxed)
  }

  /// Nobody keeps references any more.
  ///
  /// Those that are kept are forgotten with their generation.
  @inlinable
  static func end() {
    let now = Machine.load(Machine.counting, .relaxed)
    Machine.store(now & ~(underWay | untilUnlock), to: Machine.counting, .relaxed)
  }

  /// Whether a CPU has passed the barrier, or is in no operation now, and so will pass it before it
  /// counts anything.
  @inlinable
  static func hasPassed(_ cpu: UInt32) -> Bool {
    // Acquiring; pairs with the release that lowers a mark.
    if Machine.load(Machine.mark(of: cpu), .acquiring) == 0 { return true }
    return hasPassedItself(cpu)
  }

  @inlinable
  static func hasPassedItself(_ cpu: UInt32) -> Bool {
    Machine.load(generation(Machine.references(of: cpu)), .acquiring)
      == Machine.load(Machine.counting, .relaxed)
  }

  /// How many references a CPU is counted for.
  @inlinable
  static func count(_ cpu: UInt32) -> UInt32 {
    // The mark first: a reference is kept before the mark of its slow path is lowered. Acquiring.
    var sum = Machine.load(Machine.mark(of: cpu), .acquiring)
    guard hasPassedItself(cpu) else { return sum }
    let area = Machine.references(of: cpu)
    for index in 0..<room where Machine.load(kept(area, index), .acquiring) != 0 { sum &+= 1 }
    return sum
  }
}
