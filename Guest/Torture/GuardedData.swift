import TortureServices

/// A spinlock and the plain data it guards: two counters that agree, and the number of its owner,
/// which is right only if nobody else is inside.
///
/// Nothing of the data is atomic.
///
///     0 lock word   64 first counter   72 second counter   80 owner + 1, 0: nobody
struct GuardedData {
  static let size: UInt = 128

  let lock: UInt

  /// Contract: `size` bytes at the address, zero before first use, mapped while the torture runs.
  @unsafe init(address: UInt) {
    lock = address
  }

  private var first: UnsafeMutablePointer<UInt64> { unsafe pointer(64) }
  private var second: UnsafeMutablePointer<UInt64> { unsafe pointer(72) }
  private var owner: UnsafeMutablePointer<UInt64> { unsafe pointer(80) }

  private func pointer(_ offset: UInt) -> UnsafeMutablePointer<UInt64> {
    // Not null: offsets within an allocation.
    unsafe UnsafeMutablePointer(bitPattern: lock &+ offset).unsafelyUnwrapped
  }

  /// One critical section of so many loops; false if somebody else was inside.
  ///
  /// Called with the lock held. Between the writes stand calls that the compiler cannot see
  /// through, so they happen in this order.
  func use(by worker: Int, loops: UInt64) -> Bool {
    let me = UInt64(worker) &+ 1
    // Contract of `init`.
    var excluded = unsafe owner.pointee == 0 && first.pointee == second.pointee
    unsafe owner.pointee = me
    unsafe first.pointee &+= 1
    loop(loops)
    excluded = unsafe excluded && owner.pointee == me && first.pointee == second.pointee &+ 1
    unsafe second.pointee &+= 1
    unsafe owner.pointee = 0
    return excluded
  }

  /// How many sections there were, nil if the counters disagree.
  ///
  /// Only while nobody is inside.
  var sections: UInt64? {
    unsafe first.pointee == second.pointee ? first.pointee : nil
  }
}
