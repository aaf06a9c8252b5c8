import Glibc
import Tidelock

/// The bare spinlock, in whatever set is in force.
@safe public final class BareSpinlock: LockUnderTest {
  // Paired by the harness.
  private let lock = unsafe Spinlock()

  /// A free lock.
  public init() {}
  /// Takes it.
  public func acquire() { unsafe lock.lock() }
  /// Releases it.
  public func release() { unsafe lock.unlock() }
}

/// A lock whose failed attempts to take it are now and then believed to have succeeded: the
/// harness must notice.
@safe public final class IgnoresItsTry: LockUnderTest {
  private let lock = unsafe Spinlock()

  /// A free lock.
  public init() {}
  /// Takes it, or not.
  public func acquire() {
    if unsafe !lock.tryLock(), Int.random(in: 0..<16) != 0 { unsafe lock.lock() }
  }
  /// Releases it, whoever has it.
  public func release() { unsafe lock.unlock() }
}

/// A lock that is now and then released before the section has been left.
@safe public final class ReleasesEarly: LockUnderTest {
  private let lock = unsafe Spinlock()

  /// A free lock.
  public init() {}
  /// Takes it, and perhaps releases it at once.
  public func acquire() {
    unsafe lock.lock()
    if Int.random(in: 0..<16) == 0 { unsafe lock.unlock() }
  }
  /// Releases it, perhaps for the second time.
  public func release() { unsafe lock.unlock() }
}
