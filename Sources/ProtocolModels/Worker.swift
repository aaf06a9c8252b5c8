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
  /// Takes lock C and releases it, with interrupts masked.
  case c
  /// Takes lock D and releases it, with interrupts masked.
  case d
  /// Gives its number back: its thread ends.
  case exit
  /// Waits until CPU 1 has given its number back.
  case enroll
  /// Releases lock C, which is held from the beginning and whose queue's head sleeps.
  case releaseC
  /// Releases lock D, which is held from the beginning and whose queue's head sleeps.
  case releaseD
  /// Takes A, and B while it holds A, then releases both, B first.
  case nested
  /// The same, A first.
  case crossed
}

/// A CPU that takes locks, looks whether it has them alone, and releases them.
enum Worker {
  static let body: @convention(c) (UInt32) -> Void = { cpu in
    repeat {
      for index in 0..<3 { perform(ModelSettings.current.jobs[Int(cpu)][index], cpu) }
    } while ModelSettings.current.isEndless[Int(cpu)]
  }

  /// The same of a CPU that a switch must reach: before each job, and as long as the switch lasts.
  static let reachableBody: @convention(c) (UInt32) -> Void = { cpu in
    ModelNMIs.begin()
    for index in 0..<3 {
      let job = ModelSettings.current.jobs[Int(cpu)][index]
      guard job != .none else { break }
      isReachable()
      perform(job, cpu)
    }
    while ModelMachine.load(ModelMemory.finished, .acquiring) == 0 {
      isReachable()
      Simulated.pause(0)
    }
  }

  /// Where this CPU is in no operation.
  @inline(never)
  private static func isReachable() {
    switch ModelSettings.current.switchProtocol {
    case .staged: break
    case .stopMachine: ModelGathering.mayJoin()
    case .barrier: if ModelSettings.current.isKernel { ModelTarget.mayPassBarrier() }
    }
  }

  /// An interrupt takes B, one that interrupts it takes C, unless the workload says otherwise.
  static let handler: @convention(c) (UInt32) -> Void = { cpu in
    let nesting = Simulated.load(ModelMemory.nesting(cpu), .relaxed)
    Simulated.store(nesting &+ 1, to: ModelMemory.nesting(cpu), .relaxed)
    once(cpu, UInt(ModelSettings.current.handlerLocks[Int(cpu)][Int(nesting)]))
    Simulated.store(nesting, to: ModelMemory.nesting(cpu), .relaxed)
  }

  private static func perform(_ job: Job, _ cpu: UInt32) {
    switch job {
    case .none: break
    case .a: once(cpu, 0)
    case .b, .c, .d:
      Simulated.maskInterrupts(true)
      once(cpu, job == .b ? 1 : job == .c ? 2 : 3)
      Simulated.maskInterrupts(false)
      ModelNMIs.begin()
    case .releaseC: unlock(cpu, 2)
    case .releaseD: unlock(cpu, 3)
    case .exit: Simulated.store(1, to: ModelMemory.exited, .releasing)
    case .enroll: _ = Simulated.spin(ModelMemory.exited, .acquiring) { $0 != 0 }
    case .nested, .crossed:
      Simulated.maskInterrupts(true)
      lock(cpu, 0)
      enter(cpu, 0)
      lock(cpu, 1)
      enter(cpu, 1)
      let first: UInt = job == .nested ? 1 : 0
      release(cpu, first)
      release(cpu, 1 &- first)
      Simulated.maskInterrupts(false)
    }
  }

  private static func once(_ cpu: UInt32, _ index: UInt) {
    lock(cpu, index)
    enter(cpu, index)
    // A signal gathers a thread that holds a lock as well.
    if ModelSettings.current.isGatheredHoldingLocks,
      Simulated.load(ModelMemory.nesting(cpu), .relaxed) == 0
    {
      isReachable()
    }
    release(cpu, index)
  }

  @inline(__always)
  private static func release(_ cpu: UInt32, _ index: UInt) {
    leave(cpu, index)
    if ModelSettings.current.freesLocks {
      unlockAndFree(cpu, index)
    } else {
      unlock(cpu, index)
    }
  }

  @inline(never)
  private static func unlockAndFree(_ cpu: UInt32, _ index: UInt) {
    let isLast = Lifetime.isLast(index)
    unlock(cpu, index)
    if isLast { Lifetime.free(index) }
  }

  /// Not inlined, here and below: what it leaves in registers ends with it.
  @inline(never)
  private static func lock(_ cpu: UInt32, _ index: UInt) {
    let lock = ModelMemory.lock(index)
    if ModelSettings.current.isKernel {
      if lock.tryLock(on: ModelMachine.self) { return }
    } else if lock.tryLockByte(on: ModelMachine.self) {
      return Order.passed(lock)
    }
    switch ModelSettings.current.waiting[Int(cpu)] {
    case .native
    where ModelSettings.current.isKernel || ModelSettings.current.mutation == .queueIsLinux:
      LinuxQueue.slowPath(lock)
    case .native: NativeQueue<ModelMachine>.slowPath(lock)
    case .paravirtual: ParavirtualQueue<ModelMachine>.slowPath(lock)
    case .testAndSet: TestAndSet<ModelMachine>.slowPath(lock)
    case .counted:
      if ModelSettings.current.mutation == .gateLeadsOnUncounted {
        return UncountedEntry.slowPath(lock)
      }
      CountedEntry<ModelMachine>.slowPath(lock)
    case .site: CodeSite.slowPath(lock, cpu)
    }
  }

  @inline(never)
  private static func enter(_ cpu: UInt32, _ index: UInt) {
    let holder = ModelMemory.holder(index)
    Simulated.expect(Simulated.load(holder, .relaxed) == 0, "two owners")
    Simulated.store(UInt64(cpu) + 1, to: holder, .relaxed)
    Order.served(index)
    if ModelSettings.current.touchesData {
      // Plain accesses of what the lock guards; nothing but the lock orders them.
      let value = Simulated.load(ModelMemory.data(index), .relaxed)
      Simulated.store(value &+ 1, to: ModelMemory.data(index), .relaxed)
    } else {
      Simulated.step()
    }
  }

  @inline(never)
  private static func leave(_ cpu: UInt32, _ index: UInt) {
    let holder = ModelMemory.holder(index)
    Simulated.expect(Simulated.load(holder, .relaxed) == UInt64(cpu) + 1, "two owners")
    Simulated.store(0, to: holder, .relaxed)
  }

  @inline(never)
  private static func unlock(_ cpu: UInt32, _ index: UInt) {
    let lock = ModelMemory.lock(index)
    switch ModelSettings.current.unlocking[Int(cpu)] {
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
  /// Of each CPU: how often a handler that takes lock B may interrupt it; the second one may come
  /// within the first, and then takes C, the third within that, and then takes D; see `handlerLocks`.
  public var interrupts: [Int]
  /// The same of the CPU that switches.
  public var switcherInterrupts = 0
  /// Of each CPU: which locks its handlers take, from the first to that nested deepest.
  public var handlerLocks: [[Int]]
  /// Of each CPU: the number under which the locks know it, if it has one.
  public var numbers: [Int?]
  /// Of each CPU: how many of its nodes contexts have that are not in the model.
  public var nodesInUse: [Int]
  /// How often each CPU may wake from sleep for no reason.
  public var spuriousWakeUps = 0

  /// CPUs that do some jobs and are done.
  public init(_ jobs: [[Job]]) {
    self.jobs = jobs
    isEndless = jobs.map { _ in false }
    interrupts = jobs.map { _ in 0 }
    handlerLocks = jobs.map { _ in [1, 2, 3] }
    numbers = Array(jobs.indices)
    nodesInUse = jobs.map { _ in 0 }
  }

  /// CPUs that take lock A so often.
  public init(acquisitions: [Int]) {
    self.init(acquisitions.map { Array(repeating: .a, count: $0) })
  }

  func apply(to setting: inout ModelSettings) {
    for cpu in jobs.indices {
      setting.numbers[cpu] = numbers[cpu].map(UInt32.init) ?? ModelSettings.noNumber
      for level in handlerLocks[cpu].indices {
        setting.handlerLocks[cpu][level] = UInt8(handlerLocks[cpu][level])
      }
      for index in jobs[cpu].indices { setting.jobs[cpu][index] = jobs[cpu][index] }
      setting.isEndless[cpu] = isEndless[cpu]
    }
  }

  /// Words that one CPU alone uses, unless another has its number.
  func share(in layout: inout WordLayout) {
    let known = numbers.compactMap(\.self)
    for number in known where known.count(where: { $0 == number }) > 1 {
      share(UInt32(number), in: &layout)
    }
  }

  func share(_ number: UInt32, in layout: inout WordLayout) {
    layout.share(ModelMemory.area(number), .shared)
    layout.share(ModelMemory.area(number) + 8, .shared)
    layout.share(ModelMemory.mark(number).address, .shared)
  }

  /// Fills in what the words hold at first.
  func prepare(_ layout: inout WordLayout, freesLocks: Bool) {
    for cpu in nodesInUse.indices {
      let number = UInt32(numbers[cpu] ?? cpu)
      layout.fill(ModelMemory.area(number), with: UInt64(nodesInUse[cpu]))
    }
    for (index, lock) in hashed.enumerated() {
      // As a head has left it that sleeps: the lock's byte, its entry, and the state of its node.
      let entry =
        ModelMemory.hash + (ModelMemory.hashEntries - 1 + UInt(index)) % ModelMemory.hashEntries
        * 16
      let state = Self.sleepingNode(lock) + 8
      layout.fill(ModelMemory.lock(lock).whole.address, with: 3)
      layout.fill(entry, with: UInt64(ModelMemory.lock(lock).whole.address))
      layout.fill(entry + 8, with: UInt64(Self.sleepingNode(lock)))
      layout.fill(state, with: 2 << 32)
    }
    for lock in 0..<Int(ModelMemory.locks) where freesLocks && !isTakenByHandlers(lock) {
      layout.fill(ModelMemory.users(UInt(lock)).address, with: UInt64(acquisitions(of: lock)))
    }
  }

  /// The locks that are held from the beginning, in the order of their entries in the hash.
  private var hashed: [UInt] {
    let all = jobs.joined()
    return (all.contains(.releaseD) ? [3] : []) + (all.contains(.releaseC) ? [2] : [])
  }

  /// A node of the last CPU that its contexts of the model do not come to.
  private static func sleepingNode(_ lock: UInt) -> UInt {
    ModelMemory.area(UInt32(ModelMemory.maximumCPUs) - 1) + 64 + lock * 64
  }

  private func isTakenByHandlers(_ lock: Int) -> Bool {
    jobs.indices.contains { handlerLocks[$0].prefix(interrupts[$0]).contains(lock) }
      || switcherInterrupts > 0 && lock > 0
  }

  /// How often jobs take a lock.
  private func acquisitions(of lock: Int) -> Int {
    jobs.joined().count { job in
      switch job {
      case .none, .exit, .enroll, .releaseC, .releaseD: false
      case .a: lock == 0
      case .b: lock == 1
      case .c: lock == 2
      case .d: lock == 3
      case .nested, .crossed: lock < 2
      }
    }
  }

  var cpus: [CPUProgram] { cpus(running: Worker.body) }

  func cpus(running body: @escaping @convention(c) (UInt32) -> Void) -> [CPUProgram] {
    jobs.indices.map { cpu in
      var program = CPUProgram(
        body, handler: Worker.handler, interrupts: interrupts[cpu],
        spuriousWakeUps: spuriousWakeUps)
      program.isEndless = isEndless[cpu]
      return program
    }
  }

  /// What must hold when all have finished: nothing lost, nothing left behind.
  func check(_ memory: FinalMemory, touchesData: Bool) -> String? {
    for lock in 0..<ModelMemory.locks {
      let updates = Int(memory.read(ModelMemory.data(lock).address))
      let least = acquisitions(of: Int(lock))
      // Handlers come as they come.
      let most =
        least + (isTakenByHandlers(Int(lock)) ? interrupts.reduce(switcherInterrupts, +) : 0)
      if touchesData, !(least...most).contains(updates) { return "lost update" }
      let word = memory.read(ModelMemory.lock(lock).whole.address, width: 4)
      if memory.read(ModelMemory.users(lock).address) == Lifetime.freed {
        if word != UInt64(Lifetime.poison) { return "a lock was written after it was freed" }
      } else if word != 0 {
        return "a lock is not free"
      }
    }
    for lock in hashed where memory.read(Self.sleepingNode(lock) + 12, width: 4) != 0 {
      return "a sleeping head was not woken"
    }
    for entry in 0..<ModelMemory.hashEntries where memory.read(ModelMemory.hash + entry * 16) != 0 {
      return "an entry is left in the lock hash"
    }
    for cpu in 0..<UInt32(ModelMemory.maximumCPUs) {
      let depth = jobs.indices.contains(Int(cpu)) ? nodesInUse[Int(cpu)] : 0
      if memory.read(ModelMemory.area(cpu), width: 4) != depth {
        return "a queue node is not given back"
      }
      if memory.read(ModelMemory.mark(cpu).address, width: 4) != 0 {
        return "a CPU is still counted"
      }
    }
    return nil
  }
}
