import Tidelock

/// A lock under a name, in a set of Tidelock's if it is one of Tidelock's.
struct Contestant: Named, Sendable {
  let name: String
  /// Nanoseconds per lock and unlock, measured for about so many seconds.
  let pairs: @Sendable (_ seconds: Double) throws -> Uncontended.Result
  /// Threads that contend for it while the closure runs.
  let load: @Sendable (_ threads: Int, Sections, _ running: () throws -> Void) throws -> Load.Result

  /// For each kind of lock the two measurements are compiled anew.
  init<Lock: BenchmarkLock>(
    _ name: String, in set: LockSet = .native, _ new: @escaping @Sendable () -> Lock
  ) {
    self.name = name
    pairs = { seconds in
      try LockOperations.switch(to: set)
      return Uncontended.time(new(), seconds: seconds)
    }
    load = { threads, sections, running in
      try LockOperations.switch(to: set)
      return try Load.run(new(), threads: threads, sections: sections, while: running)
    }
  }
}

/// The contestants' names, for figures to refer to.
enum Name {
  static let asItStarts = "Tidelock as it starts"
  static let native = "Tidelock native"
  static let nativeSpinlock = "Tidelock native, Spinlock"
  static let paravirtual = "Tidelock paravirtual"
  static let testAndSet = "Tidelock test-and-set"
  static let bare = "bare test-and-set"
  static let pthread = "pthread_mutex"
  static let adaptive = "pthread_mutex, adaptive"
  static let pthreadSpin = "pthread_spin"
  static let synchronization = "Synchronization.Mutex"
  static let plainFutex = "plain futex"
  static let none = "no lock"
}
