import CodePatching
import LockPlatform
import LockSwitching
import ModelChecker

/// CPUs that take one lock through the counted entry, and one CPU that switches meanwhile.
public struct SwitchModel: Sendable {
  /// The set in force.
  public var from: LockSet
  /// The set wanted.
  public var to: LockSet
  /// The plan; the shipped one unless it is changed.
  public var plan: Plan
  /// How unlock is poked.
  public var method = PokeMethod.store
  /// Of each CPU but the switching one: how often it takes the lock.
  public var acquisitions: [Int]
  /// The memory model.
  public var memoryModel: MemoryModel
  /// How often each CPU may wake from sleep for no reason.
  public var spuriousWakeUps = 0
  /// What the lock guards is read and written, not only held.
  public var touchesData = true
  /// Aligned 8-byte stores to code are fetched whole or not at all.
  public var wordStoresAreWhole = true

  /// A switch by the shipped plan.
  public init(
    from: LockSet, to: LockSet, acquisitions: [Int], _ memoryModel: MemoryModel
  ) {
    self.from = from
    self.to = to
    plan = Plan.staged(from: from, to: to)
    self.acquisitions = acquisitions
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

  private var setting: Setting {
    var setting = Setting()
    for cpu in acquisitions.indices {
      setting.acquisitions[cpu] = UInt32(acquisitions[cpu])
      setting.waiting[cpu] = .counted
      setting.unlocking[cpu] = .site
    }
    setting.cpus = UInt32(acquisitions.count + 1)
    setting.touchesData = touchesData
    setting.readsTable = true
    setting.wordStoresAreWhole = wordStoresAreWhole
    setting.plan = plan
    setting.request = SwitchRequest(
      from: from, to: to, method: method, timeLimit: .max, reason: .operator)
    return setting
  }

  private var program: ModelProgram {
    let switcher = acquisitions.count
    var layout = Place.layout(switcher: switcher)
    let operations: [LockOperation] = [.slowPath, .unlock, .wait, .kick, .vcpuIsPreempted]
    for operation in operations {
      layout.fill(
        Place.entry(operation).address, with: UInt64(from.implementation(of: operation).rawValue))
    }
    let code = Self.code(from)
    layout.fill(Place.site.address, with: code)
    layout.fill(Place.version(0).address, with: code)
    layout.fill(Place.versions.address, with: 1)
    var cpus = acquisitions.map { _ in
      CPUProgram(Worker.body, spuriousWakeUps: spuriousWakeUps)
    }
    cpus.append(CPUProgram(Switcher.body))
    let total = acquisitions.reduce(0, +)
    let (touchesData, to) = (touchesData, to)
    return ModelProgram(
      name: "staged", cpus: cpus, memoryModel: memoryModel, layout: layout
    ) { memory in
      if memory.read(Place.site.address) != Self.code(to) { return "the site is not switched" }
      for operation in operations
      where memory.read(Place.entry(operation).address)
        != UInt64(to.implementation(of: operation).rawValue)
      {
        return "the operation table is not switched"
      }
      return Worker.check(total, touchesData: touchesData, memory)
    }
  }

  /// The site's form and what follows it in its word.
  private static func code(_ set: LockSet) -> UInt64 {
    let form = ModelSites().form(of: 0, as: set.implementation(of: .unlock))
    return 0x90_9090 << 40 | (form?.bytes ?? 0)
  }
}
