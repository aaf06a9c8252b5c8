import Glibc
import Runs
import Synchronization

/// Threads of a test, all running the same body.
public struct Workers: ~Copyable {
  private var threads: [WorkerThread] = []

  /// Starts threads; each is given its number.
  public init(_ count: Int, _ body: @escaping @Sendable (_ number: Int) -> Void) {
    for number in 0..<count { start { body(number) } }
  }

  /// Starts one more.
  public mutating func start(_ body: @escaping @Sendable () -> Void) {
    do {
      let thread = try WorkerThread {
        // A test's own thread blocks nearly every signal (libdispatch), and its threads would too.
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        unsafe pthread_sigmask(SIG_SETMASK, &signals, nil)
        body()
      }
      threads.append(thread)
    } catch {
      preconditionFailure("\(error)")
    }
  }

  /// Sends a signal to one of the threads, which must not have been joined.
  public func signal(_ number: Int, _ signal: Int32) {
    pthread_kill(threads[number].handle, signal)
  }

  /// Waits until all have ended.
  public consuming func join() {
    for thread in threads { thread.join() }
  }
}

/// Something that threads are told once.
public final class Flag: Sendable {
  private let value = Atomic(false)

  /// A flag that is not raised.
  public init() {}

  /// Whether it is raised.
  public var isRaised: Bool { value.load(ordering: .acquiring) }

  /// Raises it.
  public func raise() { value.store(true, ordering: .releasing) }
}

/// Words that several threads use, each on a cache line of its own.
///
/// Relaxed accesses that are no read-modify-writes: exclusion is what the lock under test must
/// provide.
public final class SharedWords: Sendable {
  private let base: UInt

  /// Zeroed words.
  public init(_ count: Int) {
    let memory = UnsafeMutableRawPointer.allocate(byteCount: count * 64, alignment: 64)
    unsafe memory.initializeMemory(as: UInt8.self, repeating: 0, count: count * 64)
    base = UInt(bitPattern: memory)
  }

  deinit {
    // Allocated in `init`.
    unsafe UnsafeMutableRawPointer(bitPattern: base)?.deallocate()
  }

  /// A word's value.
  public subscript(_ index: Int) -> UInt64 {
    get { unsafe atomic(address(index), UInt64.self).pointee.load(ordering: .relaxed) }
    set { unsafe atomic(address(index), UInt64.self).pointee.store(newValue, ordering: .relaxed) }
  }

  /// Where a word is: for C code, and as a lock's word.
  public func address(_ index: Int) -> UInt { base + UInt(index) * 64 }
}

/// A byte that code under test may be using.
///
/// Contract of all three: the address is of such a word.
public func word8(_ address: UInt) -> UInt8 {
  unsafe atomic(address, UInt8.self).pointee.load(ordering: .relaxed)
}

/// A word that code under test may be using.
public func word32(_ address: UInt) -> UInt32 {
  unsafe atomic(address, UInt32.self).pointee.load(ordering: .relaxed)
}

/// Changes such a word.
public func store32(_ address: UInt, _ value: UInt32) {
  unsafe atomic(address, UInt32.self).pointee.store(value, ordering: .relaxed)
}

private func atomic<Value>(
  _ address: UInt, _: Value.Type
) -> UnsafeMutablePointer<Atomic<Value>> {
  unsafe UnsafeMutablePointer(bitPattern: address).unsafelyUnwrapped
}

/// Waits until something is so, giving the processor away between looks.
///
/// What never becomes so is for the test's deadline.
public func wait(until condition: () -> Bool) {
  while !condition() { sched_yield() }
}
