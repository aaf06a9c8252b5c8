import LockPlatform
import LockSwitching
import ModelChecker
import QueuedSpinlocks

/// What a CPU does once, or again and again.
public enum Job: UInt8, Sendable {
  /// Nothing.
  case none
  /// Takes lock A and releases it.
  case a
  /// Takes lock B and releases it, with interrupts masked: handlers take B as well.
  case b
  /// Takes A, and B while it holds A, then releases both, B first.
  case nested
  /// The same, A first.
  case crossed
}

/// A CPU that takes locks, looks whether it has them alone, and releases them.
enum Worker {
  static let body: @convention(c) (UInt32) -> Void = { cpu in
    repeat {
      for index in 0..<3 { perform(Setting.current.jobs[Int(cpu)][index], cpu) }
    } while Setting.current.isEndless[Int(cpu)]
  }

  /// An interrupt: takes B.
  static let handler: @convention(c) (UInt32) -> Void = { cpu in once(cpu, 1) }

  private static func perform(_ job: Job, _ cpu: UInt32) {
    switch job {
    case .none: break
    case .a: once(cpu, 0)
    case .b:
      Simulated.maskInterrupts(true)
      once(cpu, 1)
      Simulated.maskInterrupts(false)
    case .nested, .crossed:
      Simulated.maskInterrupts(true)
      lock(cpu, 0)
      enter(cpu, 0)
      lock(cpu, 1)
      enter(cpu, 1)
      let first: UInt = job == .nested ? 1 : 0
      leave(cpu, first)
      unlock(cpu, first)
      leave(cpu, 1 &- first)
      unlock(cpu, 1 &- first)
      Simulated.maskInterrupts(false)
    }
  }

  private static func once(_ cpu: UInt32, _ index: UInt) {
    lock(cpu, index)
    enter(cpu, index)
    leave(cpu, index)
    unlock(cpu, index)
  }

  /// Not inlined, here and below: what it leaves in registers ends with it.
  @inline(never)
  private static func lock(_ cpu: UInt32, _ index: UInt) {
    let lock = Place.lock(index)
    if lock.tryLock(on: ModelMachine.self) { return }
    switch Setting.current.waiting[Int(cpu)] {
    case .native: NativeQueue<ModelMachine>.slowPath(lock)
    case .paravirtual: ParavirtualQueue<ModelMachine>.slowPath(lock)
    case .testAndSet: TestAndSet<ModelMachine>.slowPath(lock)
    case .counted: CountedEntry<ModelMachine>.slowPath(lock)
    }
  }

  @inline(never)
  private static func enter(_ cpu: UInt32, _ index: UInt) {
    let holder = Place.holder(index)
    Simulated.expect(Simulated.load(holder, .relaxed) == 0, "two owners")
    Simulated.store(UInt64(cpu) + 1, to: holder, .relaxed)
    Order.served(index)
    if Setting.current.touchesData {
      // Plain accesses of what the lock guards; nothing but the lock orders them.
      let value = Simulated.load(Place.data(index), .relaxed)
      Simulated.store(value &+ 1, to: Place.data(index), .relaxed)
    } else {
      Simulated.step()
    }
  }

  @inline(never)
  private static func leave(_ cpu: UInt32, _ index: UInt) {
    let holder = Place.holder(index)
    Simulated.expect(Simulated.load(holder, .relaxed) == UInt64(cpu) + 1, "two owners")
    Simulated.store(0, to: holder, .relaxed)
  }

  @inline(never)
  private static func unlock(_ cpu: UInt32, _ index: UInt) {
    let lock = Place.lock(index)
    switch Setting.current.unlocking[Int(cpu)] {
    case .native: NativeQueue<ModelMachine>.unlock(lock)
    case .paravirtual: ParavirtualQueue<ModelMachine>.unlock(lock)
    case .site: CodeSite.unlock(lock, cpu)
    }
  }
}

/// What the CPUs of a model do, apart from how they lock.
public struct Workload: Sendable {
  /// Of each CPU: up to three jobs.
  public var jobs: [[Job]]
  /// Of each CPU: whether it begins again when it is done.
  public var isEndless: [Bool]
  /// Of each CPU: how often a handler that takes lock B may interrupt it.
  public var interrupts: [Int]
  /// How often each CPU may wake from sleep for no reason.
  public var spuriousWakeUps = 0

  /// CPUs that do some jobs and are done.
  public init(_ jobs: [[Job]]) {
    self.jobs = jobs
    isEndless = jobs.map { _ in false }
    interrupts = jobs.map { _ in 0 }
  }

  /// CPUs that take lock A so often.
  public init(acquisitions: [Int]) {
    self.init(acquisitions.map { Array(repeating: .a, count: $0) })
  }

  func apply(to setting: inout Setting) {
    for cpu in jobs.indices {
      for index in jobs[cpu].indices { setting.jobs[cpu][index] = jobs[cpu][index] }
      setting.isEndless[cpu] = isEndless[cpu]
    }
  }

  var cpus: [CPUProgram] {
    jobs.indices.map { cpu in
      var program = CPUProgram(
        Worker.body, handler: Worker.handler, interrupts: interrupts[cpu],
        spuriousWakeUps: spuriousWakeUps)
      program.isEndless = isEndless[cpu]
      return program
    }
  }

  /// What must hold when all have finished: nothing lost, nothing left behind.
  func check(_ memory: FinalMemory, touchesData: Bool) -> String? {
    let all = jobs.joined()
    let nested = all.count { $0 == .nested || $0 == .crossed }
    let least = [all.count { $0 == .a } + nested, all.count { $0 == .b } + nested]
    for lock in 0..<UInt(2) {
      let updates = Int(memory.read(Place.data(lock).address))
      // Handlers come as they come, and they take B.
      let most = least[Int(lock)] + (lock == 1 ? interrupts.reduce(0, +) : 0)
      if touchesData, !(least[Int(lock)]...most).contains(updates) { return "lost update" }
      if memory.read(Place.lock(lock).whole.address, width: 4) != 0 {
        return "a lock is not free"
      }
    }
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
