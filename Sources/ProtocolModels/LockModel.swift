import ModelChecker

/// Some CPUs that take one lock, each in its own way.
public struct LockModel: Sendable {
  /// Of each CPU: how often it takes the lock.
  public var acquisitions: [Int]
  /// Of each CPU: where it waits.
  public var waiting: [Waiting]
  /// Of each CPU: how it unlocks.
  public var unlocking: [Unlocking]
  /// The memory model.
  public var memoryModel: MemoryModel
  /// How often each CPU may wake from sleep for no reason.
  public var spuriousWakeUps = 0
  /// Whether queues must be first come, first served.
  public var checksOrder = false
  /// What the lock guards is read and written, not only held.
  public var touchesData = true

  /// All CPUs alike.
  public init(
    _ waiting: Waiting, _ unlocking: Unlocking, acquisitions: [Int], _ memoryModel: MemoryModel
  ) {
    self.acquisitions = acquisitions
    self.waiting = acquisitions.map { _ in waiting }
    self.unlocking = acquisitions.map { _ in unlocking }
    self.memoryModel = memoryModel
  }

  /// Each CPU its own way.
  public init(
    _ waiting: [Waiting], _ unlocking: [Unlocking], acquisitions: [Int],
    _ memoryModel: MemoryModel
  ) {
    self.acquisitions = acquisitions
    self.waiting = waiting
    self.unlocking = unlocking
    self.memoryModel = memoryModel
  }

  /// Explores every schedule within the limits.
  ///
  /// One exploration at a time in a process.
  public func explore(
    _ limits: Limits = Limits(), report: (Progress) -> Bool = { _ in true }
  ) -> Exploration {
    Setting.current = setting
    return Exhaustive.explore(program, limits, report: report)
  }

  private var setting: Setting {
    var setting = Setting()
    for cpu in acquisitions.indices {
      setting.acquisitions[cpu] = UInt32(acquisitions[cpu])
      setting.waiting[cpu] = waiting[cpu]
      setting.unlocking[cpu] = unlocking[cpu]
    }
    setting.checksOrder = checksOrder
    setting.touchesData = touchesData
    return setting
  }

  /// The same failure by a schedule that is easier to read.
  public func shorten(_ failure: Failure) -> Failure {
    Setting.current = setting
    return Shortening.shorten(failure, of: program)
  }

  /// Carries out one schedule.
  public func replay(
    _ schedule: [Action], tell: @escaping (Event) -> Void
  ) throws(Replay.Problem) -> Flaw? {
    Setting.current = setting
    return try Replay.run(program, schedule, tell: tell)
  }

  private var program: ModelProgram {
    let total = acquisitions.reduce(0, +)
    let touchesData = touchesData
    return ModelProgram(
      name: "locks",
      cpus: acquisitions.map { _ in CPUProgram(Worker.body, spuriousWakeUps: spuriousWakeUps) },
      memoryModel: memoryModel, layout: Place.layout(switcher: nil)
    ) { Worker.check(total, touchesData: touchesData, $0) }
  }
}
