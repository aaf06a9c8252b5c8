import Tidelock

/// A program with one lock, for looking at what it compiles to (MachineCodeTests).
@main enum LockProbe {
  static let counter = Counter()

  static func main() {
    tidelockProbeIncrement(counter)
    print(counter.value.withLock { $0 })
  }
}

/// What the lock guards.
public final class Counter: Sendable {
  let value = Mutex(0)
}

/// The function that is looked at.
@inline(never) @_silgen_name("tidelock_probe_increment")
public func tidelockProbeIncrement(_ counter: Counter) {
  counter.value.withLock { $0 &+= 1 }
}
