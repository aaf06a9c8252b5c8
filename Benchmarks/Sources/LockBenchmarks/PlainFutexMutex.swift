import BenchmarkShims
import Synchronization

/// The mutex that Swift has merged for Linux after 6.3, in words of our own: a plain futex of three states and
/// a short spin, where 6.3 has a futex that inherits priorities.
///
/// After docs/SynchronizationMutexLinux.md and stdlib/public/Synchronization/Mutex/LinuxImpl.swift of
/// swiftlang/swift (pull request 88523 by vsarunas, April 2026), with its constants. Its notion of three states is
/// Drepper's, "Futexes Are Tricky". To be replaced by `Synchronization.Mutex` itself when a toolchain has it.
struct PlainFutexMutex: BenchmarkLock {
  private struct Words: ~Copyable {
    let state = Atomic<UInt32>(PlainFutexMutex.free)
    /// Threads that sleep or are about to; a hint.
    let sleepers = Atomic<UInt32>(0)
  }

  private static let free: UInt32 = 0
  private static let held: UInt32 = 1
  /// Somebody may sleep: whoever releases it wakes one.
  private static let awaited: UInt32 = 2

  /// Looks at the word before a thread sleeps.
  private static let looks = 20
  /// Pauses between two looks: so many, and up to twice as many, by chance.
  private static let pauses: UInt32 = 64
  /// With so many asleep a newcomer does not spin.
  private static let crowd: UInt32 = 4

  private let memory = OwnLines(Guarded(lock: Words()))

  @inline(__always)
  func withLock(_ section: (inout UInt64) -> Void) {
    if !take() { lockSlowly() }
    unsafe section(&memory.pointer.pointee.word)
    // Releases the section to the next `take`, or to the exchange in `sleep`.
    let before = unsafe memory.pointer.pointee.lock.state.exchange(
      Self.free, ordering: .releasing)
    if before != Self.held { wake() }
  }

  func free() { memory.free() }

  /// Takes the lock if it is free.
  ///
  /// Acquires what the last owner's exchange released.
  @inline(__always)
  private func take() -> Bool {
    unsafe memory.pointer.pointee.lock.state.compareExchange(
      expected: Self.free, desired: Self.held, successOrdering: .acquiring,
      failureOrdering: .relaxed
    ).exchanged
  }

  /// Only looked at: what it decides is attempted by an exchange.
  private var state: UInt32 {
    unsafe memory.pointer.pointee.lock.state.load(ordering: .relaxed)
  }

  @inline(never)
  private func lockSlowly() {
    if !isCrowded, spin() { return }
    sleep()
  }

  private var isCrowded: Bool {
    let sleepers = unsafe memory.pointer.pointee.lock.sleepers.load(ordering: .relaxed)
    return state == Self.awaited && sleepers >= Self.crowd
  }

  /// Whether the lock was taken.
  ///
  /// Gives up at once where somebody sleeps: the lock is to be theirs.
  private func spin() -> Bool {
    let pauses = Self.pauses + UInt32(truncatingIfNeeded: bench_timestamp()) % Self.pauses
    for _ in 0..<Self.looks {
      if state == Self.free, take() { return true }
      if state == Self.awaited { return false }
      for _ in 0..<pauses { bench_pause() }
    }
    return false
  }

  /// Sleeps until the lock is taken, as one that others may be waiting for.
  private func sleep() {
    var isCounted = false
    // Acquires what the last owner's exchange released.
    while unsafe memory.pointer.pointee.lock.state.exchange(Self.awaited, ordering: .acquiring)
      != Self.free
    {
      if !isCounted {
        unsafe memory.pointer.pointee.lock.sleepers.add(1, ordering: .relaxed)
        isCounted = true
      }
      unsafe bench_futex_wait(address, Self.awaited)
    }
    if isCounted { unsafe memory.pointer.pointee.lock.sleepers.subtract(1, ordering: .relaxed) }
  }

  @inline(never)
  private func wake() {
    unsafe bench_futex_wake(address)
  }

  /// Of the state, which is the first in the memory and four bytes.
  private var address: UnsafeMutablePointer<UInt32> {
    unsafe UnsafeMutableRawPointer(memory.pointer).assumingMemoryBound(to: UInt32.self)
  }
}
