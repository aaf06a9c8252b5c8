import CodePatching
import LockPlatform
import LockSwitching
import ModelChecker

/// CPUs that take locks, and one CPU that switches meanwhile, once or several times.
public struct SwitchModel: Model {
  /// The set in force.
  public var from: LockSet
  /// The sets wanted, one after the other: up to three.
  public var rounds: [LockSet]
  /// The state in which it begins, if that is not the set's.
  public var state: SwitchState
  /// How it is switched.
  public var switchProtocol = SwitchProtocol.staged
  /// What that leaves open.
  public var options = SwitchOptions()
  /// Whether it is a kernel's: the slow path is text as unlock is, calls are waited for by grace
  /// periods, and CPUs are reached only where they hold no lock.
  public var isKernel = false
  /// What becomes of the plans, if they are not followed as they are computed.
  public var planEdit: PlanEdit?
  /// How sites are poked.
  public var method = PokeMethod.store
  /// What the CPUs do; the switching one comes after them.
  public var workload: Workload
  /// The memory model.
  public var memoryModel: MemoryModel
  /// What the locks guard is read and written, not only held.
  public var touchesData = true
  /// Whoever takes a lock last frees it, and nothing that is freed or given back may be touched.
  public var freesLocks = false
  /// Aligned 8-byte stores to code are fetched whole or not at all.
  public var wordStoresAreWhole = true
  /// How many calls are refused in the whole run, of those that may be: the explorer chooses which.
  public var failures = 0
  /// Which calls those are.
  var failingCalls = ModelFailures.Calls.all
  /// The breakage, if any.
  public var mutation: Mutation?

  /// A staged switch, or several.
  public init(
    from: LockSet, to rounds: LockSet..., doing workload: Workload, _ memoryModel: MemoryModel
  ) {
    self.from = from
    self.rounds = rounds
    state = SwitchState(from)
    self.workload = workload
    self.memoryModel = memoryModel
  }

  /// A staged switch.
  public init(
    from: LockSet, to: LockSet, _ workload: Workload, _ memoryModel: MemoryModel
  ) {
    self.init(from: from, to: to, doing: workload, memoryModel)
  }

  /// The last step of a switch alone: the gate stands, nobody is left in the old slow path, and it
  /// opens.
  ///
  /// With CPUs that never stop, a drain may look again and again at the wrong moment, and no
  /// fairness but chance ends that; what comes after it can be checked.
  public static func opening(
    to: LockSet, _ workload: Workload, isKernel: Bool = false
  ) -> SwitchModel {
    var model = SwitchModel(from: to, to: to, workload, .sequentialConsistency)
    model.touchesData = false
    model.isKernel = isKernel
    model.method = isKernel ? .breakpoint : .store
    model.beginAtGate()
    return model
  }

  /// Begins where a plan has closed the gate and drained: its last step is left.
  public mutating func beginAtGate() {
    if to == .paravirtual {
      for index in LockOperation.switched.indices {
        let operation = LockOperation.switched[index]
        state[operation] = Implementations(to.implementation(of: operation))
      }
    }
    state[.slowPath] = Implementations(.gate)
    state.entered = .gate
    state.occupied = .none
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

  /// The set wanted last.
  public var to: LockSet { rounds[rounds.count - 1] }

  private var hasTestAndSet: Bool { from == .testAndSet || rounds.contains(.testAndSet) }

  private var setting: ModelSettings {
    var setting = ModelSettings()
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
    setting.freesLocks = freesLocks
    // What comes between them is in the models of the locks alone.
    setting.joinsLooks = true
    setting.readsTable = true
    setting.wordStoresAreWhole = wordStoresAreWhole
    setting.failures = UInt32(failures)
    setting.failingCalls = failingCalls
    setting.mutation = mutation
    setting.planEdit = planEdit
    setting.method = method
    setting.options = options
    setting.first = from
    setting.hasTestAndSet = hasTestAndSet
    // Undo drains, whatever the protocol.
    let drains = switchProtocol == .staged ? from != rounds[0] : failures > 0
    setting.hasSections = isKernel && drains
    setting.hasStoreBuffers = memoryModel == .totalStoreOrder
    for index in rounds.indices { setting.rounds[index] = rounds[index] }
    setting.roundCount = rounds.count
    return setting
  }

  /// All but the switching one.
  public var lockers: Int { workload.jobs.count }

  /// The same without the breakage, by the shipped plan.
  public var shipped: any Model {
    var model = self
    model.mutation = nil
    model.planEdit = nil
    return model
  }

  /// What the explorer runs.
  public var program: ModelProgram {
    let isPublished = switchProtocol != .staged
    var cpus = workload.cpus(running: isPublished ? Worker.reachableBody : Worker.body)
    cpus.append(
      CPUProgram(
        Switcher.body, handler: Worker.handler, interrupts: workload.switcherInterrupts))
    let (setting, checked) = (setting, self)
    var program = ModelProgram(
      name: "\(switchProtocol.name)", cpus: cpus, memoryModel: memoryModel, layout: layout,
      setUp: { ModelSettings.current = setting }
    ) { checked.check($0) }
    if freesLocks { program.watch = Lifetime.check }
    return program
  }

  private var layout: WordLayout {
    let switcher = workload.jobs.count
    var layout = ModelMemory.layout(switcher: switcher)
    workload.share(in: &layout)
    workload.prepare(&layout, freesLocks: freesLocks)
    ModelMemory.addSwitching(to: &layout, switcher: switcher)
    for index in LockOperation.all.indices {
      let operation = LockOperation.all[index]
      layout.fill(
        ModelMemory.entry(operation).address,
        with: UInt64((state[operation].first ?? .gate).rawValue))
    }
    // What sites hold only others look at.
    layout.share(ModelMemory.entry(.unlock).address, .ghost)
    layout.fill(ModelMemory.entry(.slowPath).address, with: UInt64(state.entered.rawValue))
    layout.fill(ModelMemory.state.address, with: state.bits)
    layout.fill(ModelMemory.key.address, with: from == .testAndSet ? 1 : 0)
    if state.isSettled(in: from) {
      layout.fill(ModelMemory.result.address, with: UInt64(from.rawValue) + 1)
    }
    let code = Self.code(state[.unlock].first ?? .native, mutation)
    layout.fill(ModelMemory.site.address, with: code)
    layout.fill(ModelMemory.version(0).address, with: code)
    layout.fill(ModelMemory.versions.address, with: 1)
    if switchProtocol != .staged || isKernel {
      ModelMemory.addPublished(to: &layout, switcher: switcher)
      let code = Self.slowPathCode(state[.slowPath].first ?? .gate)
      layout.fill(ModelMemory.slowSite.address, with: code)
      layout.fill(ModelMemory.slowVersion(0).address, with: code)
      layout.fill(ModelMemory.slowVersions.address, with: 1)
    }
    return layout
  }

  /// One set, wholly, and nothing in between.
  private func check(_ memory: FinalMemory) -> String? {
    let result = memory.read(ModelMemory.result.address)
    guard result > 0, let set = LockSet(rawValue: UInt8(result - 1)) else {
      return "no set is in force"
    }
    if memory.read(ModelMemory.site.address)
      != Self.code(set.implementation(of: .unlock), mutation)
    {
      return "the site is not of the set in force"
    }
    let slowPath = set.implementation(of: .slowPath)
    if isKernel, memory.read(ModelMemory.slowSite.address) != Self.slowPathCode(slowPath) {
      return "the slow path site is not of the set in force"
    }
    if isKernel, hasTestAndSet, slowPath != .paravirtual,
      memory.read(ModelMemory.key.address) != (slowPath == .testAndSet ? 1 : 0)
    {
      return "the native slow path is the wrong one"
    }
    if switchProtocol == .barrier, memory.read(ModelMemory.isCounted.address) != 0 {
      return "it still counts"
    }
    if memory.read(ModelMemory.state.address) != SwitchState(set).bits {
      return "the state is not that of the set in force"
    }
    for index in LockOperation.all.indices {
      let operation = LockOperation.all[index]
      if memory.read(ModelMemory.entry(operation).address)
        != UInt64(set.implementation(of: operation).rawValue)
      {
        return "the operation table is not of the set in force"
      }
    }
    return workload.check(memory, touchesData: touchesData)
  }

  /// The site's form and what follows it in its word.
  ///
  /// Of this model: the setting may still be that of another.
  private static func code(_ unlock: Implementation, _ mutation: Mutation?) -> UInt64 {
    let form = ModelSites.form(unlock, mutation)
    return 0x90_9090 << 40 | (form?.bytes ?? 0)
  }

  private static func slowPathCode(_ slowPath: Implementation) -> UInt64 {
    0x90_9090 << 40 | (ModelSites.slowPathForm(slowPath)?.bytes ?? 0)
  }
}
