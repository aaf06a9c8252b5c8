import CodePatching
import LockPlatform
import LockSwitching
import ModelChecker

/// CPUs that take locks through the counted entry, and one CPU that switches meanwhile.
public struct SwitchModel: Model {
  /// The set in force.
  public var from: LockSet
  /// The set wanted.
  public var to: LockSet
  /// The plan; the shipped one unless it is changed.
  public var plan: Plan
  /// How unlock is poked.
  public var method = PokeMethod.store
  /// What the CPUs do; the switching one comes after them.
  public var workload: Workload
  /// The memory model.
  public var memoryModel: MemoryModel
  /// What the locks guard is read and written, not only held.
  public var touchesData = true
  /// Aligned 8-byte stores to code are fetched whole or not at all.
  public var wordStoresAreWhole = true
  /// The breakage, if any.
  public var mutation: Mutation?

  /// A switch by the shipped plan.
  public init(
    from: LockSet, to: LockSet, _ workload: Workload, _ memoryModel: MemoryModel
  ) {
    self.from = from
    self.to = to
    plan = Plan.staged(from: from, to: to)
    self.workload = workload
    self.memoryModel = memoryModel
  }

  /// What the CPUs are set to do.
  public var configuration: Configuration {
    var setting = Setting()
    workload.apply(to: &setting)
    for cpu in workload.jobs.indices {
      setting.waiting[cpu] = .counted
      setting.unlocking[cpu] = .site
    }
    setting.cpus = UInt32(workload.jobs.count + 1)
    setting.touchesData = touchesData
    setting.readsTable = true
    setting.wordStoresAreWhole = wordStoresAreWhole
    setting.mutation = mutation
    setting.plan = plan
    setting.request = SwitchRequest(
      from: from, to: to, method: method, timeLimit: .max, reason: .operator)
    return Configuration(setting: setting)
  }

  /// What the explorer runs.
  public var program: ModelProgram {
    let switcher = workload.jobs.count
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
    var cpus = workload.cpus
    cpus.append(CPUProgram(Switcher.body))
    let (workload, touchesData, to) = (workload, touchesData, to)
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
      return workload.check(memory, touchesData: touchesData)
    }
  }

  /// The site's form and what follows it in its word.
  private static func code(_ set: LockSet) -> UInt64 {
    let form = ModelSites().form(of: 0, as: set.implementation(of: .unlock))
    return 0x90_9090 << 40 | (form?.bytes ?? 0)
  }
}
