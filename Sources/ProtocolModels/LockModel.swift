import ModelChecker

/// Some CPUs that take locks, each in its own way.
public struct LockModel: Model {
  /// What the CPUs do.
  public var workload: Workload
  /// Of each CPU: where it waits.
  public var waiting: [Waiting]
  /// Of each CPU: how it unlocks.
  public var unlocking: [Unlocking]
  /// The memory model.
  public var memoryModel: MemoryModel
  /// Whether queues must be first come, first served.
  public var checksOrder = false
  /// Whether a head that spins may not be passed; under sequential consistency.
  public var checksStealing = false
  /// Whether who takes a lock by the fast path may pass only who came to wait after its look.
  public var checksPassing = false
  /// Whether the fast path and the native queue are those of Linux, as a guest's kernel has them.
  public var isKernel = false
  /// Whether each lock that no handler takes is freed by whoever takes it last.
  public var freesLocks = false
  /// Whether nodes and locks may not be touched once given back or freed.
  public var checksLifetime = true
  /// Whether every wait may end by time, as in a program, so that none is for good.
  public var waitsTimeOut = false
  /// What the locks guard is read and written, not only held.
  public var touchesData = true
  /// The breakage, if any.
  public var mutation: Mutation?

  /// All CPUs alike.
  public init(
    _ waiting: Waiting, _ unlocking: Unlocking, _ workload: Workload, _ memoryModel: MemoryModel
  ) {
    self.workload = workload
    self.waiting = workload.jobs.map { _ in waiting }
    self.unlocking = workload.jobs.map { _ in unlocking }
    self.memoryModel = memoryModel
  }

  /// Each CPU its own way.
  public init(
    _ waiting: [Waiting], _ unlocking: [Unlocking], _ workload: Workload,
    _ memoryModel: MemoryModel
  ) {
    self.workload = workload
    self.waiting = waiting
    self.unlocking = unlocking
    self.memoryModel = memoryModel
  }

  private var setting: ModelSettings {
    var setting = ModelSettings()
    workload.apply(to: &setting)
    for cpu in waiting.indices {
      setting.waiting[cpu] = waiting[cpu]
      setting.unlocking[cpu] = unlocking[cpu]
    }
    setting.cpus = UInt32(waiting.count)
    setting.freesLocks = freesLocks
    setting.checksOrder = checksOrder
    setting.checksStealing = checksStealing
    setting.checksPassing = checksPassing
    setting.isKernel = isKernel
    setting.waitsTimeOut = waitsTimeOut
    setting.touchesData = touchesData
    setting.mutation = mutation
    return setting
  }

  /// The same without the breakage.
  public var shipped: any Model {
    var model = self
    model.mutation = nil
    return model
  }

  /// What the explorer runs.
  public var program: ModelProgram {
    let (workload, touchesData, setting) = (workload, touchesData, setting)
    var layout = ModelMemory.layout(switcher: nil)
    workload.share(in: &layout)
    workload.prepare(&layout, freesLocks: freesLocks)
    if mutation == .numberlessTakesZero || mutation == .twoOfOneNumber {
      for number in 0..<UInt32(2) { workload.share(number, in: &layout) }
    }
    var program = ModelProgram(
      name: "locks", cpus: workload.cpus, memoryModel: memoryModel, layout: layout,
      setUp: { ModelSettings.current = setting }
    ) { workload.check($0, touchesData: touchesData) }
    if checksLifetime { program.watch = Lifetime.check }
    return program
  }
}
