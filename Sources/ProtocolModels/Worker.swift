import LockPlatform
import LockSwitching
import ModelChecker
import QueuedSpinlocks

/// A CPU that takes a lock, looks whether it has it alone, and releases it.
enum Worker {
  static let body: @convention(c) (UInt32) -> Void = { cpu in
    let count = Setting.current.acquisitions[Int(cpu)]
    for _ in 0..<count {
      lock(cpu)
      holdAlone(cpu)
      unlock(cpu)
    }
  }

  /// Not inlined: what it leaves in registers ends with it.
  @inline(never)
  static func lock(_ cpu: UInt32) {
    let lock = Place.lock(0)
    if lock.tryLock(on: ModelMachine.self) { return }
    switch Setting.current.waiting[Int(cpu)] {
    case .native: NativeQueue<ModelMachine>.slowPath(lock)
    case .paravirtual: ParavirtualQueue<ModelMachine>.slowPath(lock)
    case .testAndSet: TestAndSet<ModelMachine>.slowPath(lock)
    case .counted: CountedEntry<ModelMachine>.slowPath(lock)
    }
  }

  @inline(never)
  static func holdAlone(_ cpu: UInt32) {
    let holder = Place.holder(0)
    Simulated.expect(Simulated.load(holder, .relaxed) == 0, "two owners")
    Simulated.store(UInt64(cpu) + 1, to: holder, .relaxed)
    Order.served(0)
    if Setting.current.touchesData {
      // Plain accesses of what the lock guards; nothing but the lock orders them.
      let value = Simulated.load(Place.data(0), .relaxed)
      Simulated.store(value &+ 1, to: Place.data(0), .relaxed)
    } else {
      Simulated.step()
    }
    Simulated.expect(Simulated.load(holder, .relaxed) == UInt64(cpu) + 1, "two owners")
    Simulated.store(0, to: holder, .relaxed)
  }

  @inline(never)
  static func unlock(_ cpu: UInt32) {
    let lock = Place.lock(0)
    switch Setting.current.unlocking[Int(cpu)] {
    case .native: NativeQueue<ModelMachine>.unlock(lock)
    case .paravirtual: ParavirtualQueue<ModelMachine>.unlock(lock)
    case .site: CodeSite.unlock(lock, cpu)
    }
  }

  /// What must hold when all have finished: nothing lost, nothing left behind.
  static func check(_ total: Int, touchesData: Bool, _ memory: FinalMemory) -> String? {
    if touchesData, memory.read(Place.data(0).address) != UInt64(total) { return "lost update" }
    if memory.read(Place.lock(0).whole.address, width: 4) != 0 { return "the lock is not free" }
    for entry in 0..<Place.hashEntries where memory.read(Place.hash + entry * 16) != 0 {
      return "an entry is left in the lock hash"
    }
    for cpu in 0..<UInt32(Place.maximumCPUs) {
      if memory.read(Place.area(cpu), width: 4) != 0 { return "a queue node is not given back" }
      if memory.read(Place.mark(cpu).address, width: 4) != 0 { return "a CPU is still counted" }
    }
    return nil
  }
}
