import BenchmarkShims
import Glibc
import Synchronization
import Tidelock

// The locks that are compared. Each keeps lock and guarded word in one cache line.
//
// In all of them the pointers are valid from `init` to `free`, which the benchmark calls when no
// thread uses the lock any more.

/// Tidelock's mutex, in whatever set is in force.
struct TidelockMutex: BenchmarkLock {
  private let memory = OwnLines(Tidelock.Mutex<UInt64>(0))

  @inline(__always)
  func withLock(_ section: (inout UInt64) -> Void) {
    unsafe memory.pointer.pointee.withLock { section(&$0) }
  }

  func free() { memory.free() }
}

/// Tidelock's bare spinlock.
@safe struct TidelockSpinlock: BenchmarkLock {
  private let memory = unsafe OwnLines(Guarded(lock: Spinlock()))

  @inline(__always)
  func withLock(_ section: (inout UInt64) -> Void) {
    unsafe memory.pointer.pointee.lock.lock()
    unsafe section(&memory.pointer.pointee.word)
    unsafe memory.pointer.pointee.lock.unlock()
  }

  func free() { unsafe memory.free() }
}

/// The mutex of Swift's standard library.
struct SynchronizationMutex: BenchmarkLock {
  private let memory = OwnLines(Synchronization.Mutex<UInt64>(0))

  @inline(__always)
  func withLock(_ section: (inout UInt64) -> Void) {
    unsafe memory.pointer.pointee.withLock { section(&$0) }
  }

  func free() { memory.free() }
}

/// The least a lock can be: one atomic exchange to take it, one plain store to release it.
struct BareTestAndSet: BenchmarkLock {
  private let memory = OwnLines(Guarded(lock: Atomic<UInt32>(0)))

  @inline(__always)
  func withLock(_ section: (inout UInt64) -> Void) {
    while unsafe memory.pointer.pointee.lock.exchange(1, ordering: .acquiring) != 0 {
      while unsafe memory.pointer.pointee.lock.load(ordering: .relaxed) != 0 { bench_pause() }
    }
    unsafe section(&memory.pointer.pointee.word)
    unsafe memory.pointer.pointee.lock.store(0, ordering: .releasing)
  }

  func free() { memory.free() }
}

/// The mutex of the C library as `pthread_mutex_init` makes it.
struct PthreadMutex: BenchmarkLock {
  private let memory = OwnLines(Guarded(lock: CMutex()))

  init() {
    unsafe pthread_mutex_init(&memory.pointer.pointee.lock.mutex, nil)
  }

  @inline(__always)
  func withLock(_ section: (inout UInt64) -> Void) {
    unsafe pthread_mutex_lock(&memory.pointer.pointee.lock.mutex)
    unsafe section(&memory.pointer.pointee.word)
    unsafe pthread_mutex_unlock(&memory.pointer.pointee.lock.mutex)
  }

  func free() { memory.free() }
}

/// The mutex of the C library that spins a while before it sleeps.
struct PthreadAdaptiveMutex: BenchmarkLock {
  private let memory = OwnLines(Guarded(lock: CMutex()))

  init() {
    unsafe bench_adaptive_mutex_init(&memory.pointer.pointee.lock.mutex)
  }

  @inline(__always)
  func withLock(_ section: (inout UInt64) -> Void) {
    unsafe pthread_mutex_lock(&memory.pointer.pointee.lock.mutex)
    unsafe section(&memory.pointer.pointee.word)
    unsafe pthread_mutex_unlock(&memory.pointer.pointee.lock.mutex)
  }

  func free() { memory.free() }
}

/// Memory of a C mutex, used only where it has its address for good.
@safe private struct CMutex: ~Copyable {
  var mutex = unsafe pthread_mutex_t()
}

/// The spinlock of the C library.
struct PthreadSpinlock: BenchmarkLock {
  private let memory: OwnLines<Guarded<pthread_spinlock_t>>

  init() {
    memory = OwnLines(Guarded(lock: pthread_spinlock_t()))
    unsafe pthread_spin_init(&memory.pointer.pointee.lock, Int32(PTHREAD_PROCESS_PRIVATE))
  }

  @inline(__always)
  func withLock(_ section: (inout UInt64) -> Void) {
    unsafe pthread_spin_lock(&memory.pointer.pointee.lock)
    unsafe section(&memory.pointer.pointee.word)
    unsafe pthread_spin_unlock(&memory.pointer.pointee.lock)
  }

  func free() { memory.free() }
}

/// No lock: what the loop and the section cost by themselves.
///
/// It excludes nobody.
struct NoLock: BenchmarkLock {
  private let memory = OwnLines<UInt64>(0)

  @inline(__always)
  func withLock(_ section: (inout UInt64) -> Void) {
    unsafe section(&memory.pointer.pointee)
    // Without it the loop would be one addition.
    bench_compiler_barrier()
  }

  func free() { memory.free() }
}
