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
  /// The slow path in place at first, if it is not that of the set.
  public var slowPath: Implementation?
  /// How it is switched.
  public var switchProtocol = SwitchProtocol.staged
  /// What that leaves open.
  public var options = SwitchOptions()
  /// Whether it is a kernel's, of the published protocols: the slow path is text as unlock is, and
  /// CPUs are reached only where they hold no lock.
  public var isKernel = false
  /// The plan of a staged switch; the shipped one unless it is changed.
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
  /// How many pokes succeed before one fails, and the switch is undone.
  public var pokesBeforeFailure: Int?
  /// The drain runs out of time unless it succeeds at its first look, and the switch is undone.
  public var drainTimesOut = false
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

  /// The last step of a switch alone: the gate stands, nobody is left in the old slow path, and it
  /// opens.
  ///
  /// With CPUs that never stop, a drain may look again and again at the wrong moment, and no
  /// fairness but chance ends that; what comes after it can be checked.
  public static func opening(to: LockSet, _ workload: Workload) -> SwitchModel {
    var model = SwitchModel(from: to, to: to, workload, .sequentialConsistency)
    model.touchesData = false
    model.slowPath = .gate
    model.plan = Plan()
    model.plan.append(.poke(.slowPath, from: .gate, to: to.implementation(of: .slowPath)))
    return model
  }

  /// A switch by one of the published protocols.
  public init(
    _ switchProtocol: SwitchProtocol, from: LockSet, to: LockSet, _ workload: Workload,
    _ memoryModel: MemoryModel
  ) {
    self.init(from: from, to: to, workload, memoryModel)
    self.switchProtocol = switchProtocol
    method = .breakpoint
  }

  private var setting: Setting {
    var setting = Setting()
    workload.apply(to: &setting)
    // The switching one as well: handlers interrupt it.
    for cpu in 0...workload.jobs.count {
      setting.waiting[cpu] = isKernel ? .site : .counted
      setting.unlocking[cpu] = .site
    }
    setting.switchProtocol = switchProtocol
    setting.isKernel = isKernel
    setting.cpus = UInt32(workload.jobs.count + 1)
    setting.touchesData = touchesData
    setting.readsTable = true
    setting.wordStoresAreWhole = wordStoresAreWhole
    setting.pokesBeforeFailure = pokesBeforeFailure.map(UInt32.init) ?? .max
    setting.drainTimesOut = drainTimesOut
    setting.mutation = mutation
    setting.plan = plan
    setting.request = SwitchRequest(
      from: from, to: to, method: method, timeLimit: 1, reason: .operator, options: options)
    return setting
  }

  /// All but the switching one.
  public var lockers: Int { workload.jobs.count }

  /// The same without the breakage, by the shipped plan.
  public var shipped: any Model {
    var model = self
    model.mutation = nil
    if slowPath == nil { model.plan = Plan.staged(from: from, to: to) }
    return model
  }

  /// What the explorer runs.
  public var program: ModelProgram {
    let switcher = workload.jobs.count
    var layout = Place.layout(switcher: switcher)
    workload.share(in: &layout)
    let operations: [LockOperation] = [.slowPath, .unlock, .wait, .kick, .vcpuIsPreempted]
    for operation in operations {
      layout.fill(
        Place.entry(operation).address, with: UInt64(from.implementation(of: operation).rawValue))
    }
    if let slowPath {
      layout.fill(Place.entry(.slowPath).address, with: UInt64(slowPath.rawValue))
    }
    let code = Self.code(from, mutation)
    layout.fill(Place.site.address, with: code)
    layout.fill(Place.version(0).address, with: code)
    layout.fill(Place.versions.address, with: 1)
    let isPublished = switchProtocol != .staged
    if isPublished {
      Place.addPublished(to: &layout, switcher: switcher)
      let code = Self.slowPathCode(from)
      layout.fill(Place.slowSite.address, with: code)
      layout.fill(Place.slowVersion(0).address, with: code)
      layout.fill(Place.slowVersions.address, with: 1)
    }
    var cpus = workload.cpus(running: isPublished ? Worker.reachableBody : Worker.body)
    cpus.append(
      CPUProgram(
        Switcher.body, handler: Worker.handler, interrupts: workload.switcherInterrupts))
    let (workload, touchesData, setting) = (workload, touchesData, setting)
    let (sets, mutation, isKernel) = ([from, to], mutation, isKernel)
    return ModelProgram(
      name: "\(switchProtocol.name)", cpus: cpus, memoryModel: memoryModel, layout: layout,
      setUp: { Setting.current = setting }
    ) { memory in
      // Undone or done, never in between.
      let to = sets[memory.read(Place.result.address) == 1 ? 1 : 0]
      if memory.read(Place.site.address) != Self.code(to, mutation) {
        return "the site is not switched"
      }
      if isKernel, memory.read(Place.slowSite.address) != Self.slowPathCode(to) {
        return "the slow path site is not switched"
      }
      if isPublished, memory.read(Place.isCounted.address) != 0 { return "it still counts" }
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
  ///
  /// Of this model: the setting may still be that of another.
  private static func code(_ set: LockSet, _ mutation: Mutation?) -> UInt64 {
    let form = ModelSites.form(set.implementation(of: .unlock), mutation)
    return 0x90_9090 << 40 | (form?.bytes ?? 0)
  }

  private static func slowPathCode(_ set: LockSet) -> UInt64 {
    let form = ModelSites.slowPathForm(set.implementation(of: .slowPath))
    return 0x90_9090 << 40 | (form?.bytes ?? 0)
  }
}
