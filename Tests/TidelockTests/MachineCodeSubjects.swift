import Tidelock

// What the compiler makes of the library's locks in somebody's code: MachineCodeTests reads it.

/// Adds 1 under a mutex.
///
/// The pointer is to a `Mutex<Int>`.
@c(tidelock_subject_with_lock) @inline(never)
public func subjectWithLock(_ mutex: UnsafeRawPointer) {
  // Called with such a pointer, if at all.
  unsafe mutex.assumingMemoryBound(to: Mutex<Int>.self).pointee.withLock { $0 &+= 1 }
}

/// Takes and releases a spinlock.
///
/// The pointer is to a `Spinlock`.
@c(tidelock_subject_spinlock) @inline(never)
public func subjectSpinlock(_ lock: UnsafeRawPointer) {
  // Called with such a pointer, if at all.
  let lock = unsafe lock.assumingMemoryBound(to: Spinlock.self)
  unsafe lock.pointee.lock()
  unsafe lock.pointee.unlock()
}
