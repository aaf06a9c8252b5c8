import CodePatching
import GuestSiteTable
import KernelServices
import KernelText
import LockPlatform
import LockSwitching

/// Why the module does not load.
enum InstallFailure: Error {
  case noSymbol(StaticString)
  case noTable
  case fault(GuestSiteTable.Fault)
  case otherKernel
  case noMemory
  case foreignOperation(LockOperation)
  case probed(site: UInt, LockOperation, by: UInt)
  case unknownBytes(site: UInt, LockOperation, found: UInt64, expected: UInt64)
  case patch(PatchError)
  case missing(site: UInt, LockOperation)
  case obstacle(GuestObstacle)
}

extension Control {
  /// Finds out how the kernel booted, verifies every site, and only then changes the first byte.
  static func install() throws(InstallFailure) {
    if let obstacle = GuestObstacle.first(in: .now) { throw .obstacle(obstacle) }
    let symbols = try KernelSymbols()
    let bootSet = try bootSet(symbols)
    unsafe control = Control()
    unsafe control.bootSet = bootSet
    unsafe control.kick = putForms(symbols, bootSet)
    let sites = try readSites(symbols, bootSet)
    do throws(InstallFailure) {
      try checkComplete(sites, symbols, bootSet)
    } catch {
      sites.deallocate()
      throw error
    }
    lockProbes()
    holdCPUs()
    defer {
      releaseCPUs()
      unlockProbes()
    }
    do throws(InstallFailure) {
      for index in 0..<sites.count { try verify(sites[index]) }
      try keepProbesOff(sites)
      unsafe control.sites = sites
      unsafe control.bootTable = KernelTable(symbols)
      KernelMachine.store(SwitchState(bootSet).bits, to: KernelTarget.state, .releasing)
      KernelTarget.lead(to: bootSet.implementation(of: .slowPath))
      try convert()
    } catch {
      allowProbes()
      unsafe control.sites = KernelSites()
      sites.deallocate()
      throw error
    }
    unsafe control.symbols = symbols
  }

  /// What the kernel's own table says it booted with.
  ///
  /// Another hypervisor's operations are left alone if they are not all paravirtual.
  private static func bootSet(_ symbols: KernelSymbols) throws(InstallFailure) -> LockSet {
    let slowPath = kernelOperation(Int32(LockOperation.slowPath.rawValue))
    let unlock = kernelOperation(Int32(LockOperation.unlock.rawValue))
    switch (slowPath, unlock) {
    case (symbols.nativeSlowPath, symbols.nativeUnlock):
      return keyIsSet(symbols.testAndSetKey) ? .testAndSet : .native
    case (symbols.paravirtualSlowPath, symbols.paravirtualUnlock):
      return .paravirtual
    case (symbols.nativeSlowPath, _), (symbols.paravirtualSlowPath, _):
      throw .foreignOperation(.unlock)
    default:
      throw .foreignOperation(.slowPath)
    }
  }

  /// What does each operation in each set on this kernel.
  private static func putForms(_ symbols: KernelSymbols, _ bootSet: LockSet) -> KickMethod {
    var forms = KernelForms()
    forms.put(.slowPath, .native, symbols.nativeSlowPath)
    forms.put(.slowPath, .testAndSet, symbols.nativeSlowPath)
    forms.put(.slowPath, .paravirtual, symbols.paravirtualSlowPath)
    forms.put(.slowPath, .gate, gateAddress())
    forms.put(.unlock, .native, symbols.nativeUnlock, inline: true)
    forms.put(.unlock, .paravirtual, symbols.paravirtualUnlock)
    forms.put(.wait, .native, symbols.nothing, inline: true)
    forms.put(.kick, .native, symbols.nothing, inline: true)
    // Whatever the hypervisor's guest code has chosen, in every set: KVM puts a function of its own
    // here whenever it offers steal time, however the kernel booted.
    let isPreempted = kernelOperation(Int32(LockOperation.vcpuIsPreempted.rawValue))
    forms.put(
      .vcpuIsPreempted, .native, isPreempted, inline: isPreempted == symbols.nativeIsPreempted)
    forms.put(.wait, .paravirtual, kernelOperation(Int32(LockOperation.wait.rawValue)))
    forms.put(.kick, .paravirtual, kernelOperation(Int32(LockOperation.kick.rawValue)))
    let kick = KickMethod.choose(for: bootSet, symbols, into: &forms)
    unsafe KernelForms.current = forms
    return kick
  }

  /// Reads the table, checks that it is this kernel's, and computes what the kernel must have put at
  /// every site.
  private static func readSites(
    _ symbols: KernelSymbols, _ bootSet: LockSet
  ) throws(InstallFailure) -> KernelSites {
    var content: UnsafeMutableRawPointer?
    let size = unsafe readFile(sitesPath(), &content)
    guard size > 0, let start = unsafe content else { throw .noTable }
    defer { unsafe closeFile(start) }
    // As long as the buffer is, until `closeFile`.
    let table = unsafe UnsafeRawBufferPointer(start: start, count: size).bytes
    let count: Int
    do throws(GuestSiteTable.Fault) {
      count = try GuestSiteTable.check(table)
    } catch {
      throw .fault(error)
    }
    guard isOfThisKernel(table, symbols) else { throw .otherKernel }
    guard var sites = KernelSites(capacity: count) else { throw .noMemory }
    for index in 0..<count {
      guard let entry = GuestSiteTable.entry(index, in: table) else { continue }
      do throws(InstallFailure) {
        sites.append(try site(entry, symbols.text, bootSet))
      } catch {
        sites.deallocate()
        throw error
      }
    }
    return sites
  }

  private static func site(
    _ entry: GuestSiteTable.Entry, _ text: UInt, _ bootSet: LockSet
  ) throws(InstallFailure) -> KernelSite {
    let address = text &+ UInt(entry.offset)
    let operation = entry.operation
    let expected = KernelForms.bootForm(
      operation, bootSet.implementation(of: operation), site: address)
    guard let expected, Int(entry.length) == KernelForms.siteLength else {
      throw .patch(.noForm(site: address))
    }
    return KernelSite(address: address, original: expected.bytes, operation: operation)
  }

  /// Looks through the kernel's text for lock operations that the table lacks: one that was left out while
  /// the others are switched would run beside operations that it must not be mixed with.
  ///
  /// Finds the operations that are called now, and the inlined unlock. It cannot find a `wait` or `kick`
  /// that the kernel has replaced by nothing; only the slow paths call these.
  private static func checkComplete(
    _ sites: KernelSites, _ symbols: KernelSymbols, _ bootSet: LockSet
  ) throws(InstallFailure) {
    let bodies: InlineArray<5, OperationBody> = InlineArray { index in
      // Operations have the numbers 0 to 4.
      let operation = LockOperation(rawValue: UInt8(index)) ?? .slowPath
      return KernelForms.body(operation, bootSet.implementation(of: operation))
    }
    func operation(of code: LockCode) -> LockOperation? {
      switch code {
      case .inlineUnlock: return bodies[Int(LockOperation.unlock.rawValue)].isInline ? .unlock : nil
      case .call(let target):
        for index in bodies.indices
        where !bodies[index].isInline && bodies[index].function == target {
          return LockOperation(rawValue: UInt8(index))
        }
        return nil
      }
    }
    // Read in parts, so that other tasks get the CPU in between; one part reaches as far into the next as
    // a site may.
    let part: UInt = 1 << 20
    var start = symbols.textStart
    while start < symbols.textEnd {
      let size = min(part &+ UInt(KernelForms.siteLength) &- 1, symbols.textEnd &- start)
      var missing: (site: UInt, operation: LockOperation)?
      findLockOperations(in: start, size) { address, code in
        guard let operation = operation(of: code), !sites.contains(address) else { return true }
        missing = (address, operation)
        return false
      }
      if let missing { throw .missing(site: missing.site, missing.operation) }
      start &+= part
      shortRest()
    }
  }

  /// Compares a site with what the kernel must have put there.
  private static func verify(_ site: KernelSite) throws(InstallFailure) {
    let covering = probe(covering: site.address)
    guard covering == 0 else { throw .probed(site: site.address, site.operation, by: covering) }
    let found = KernelCode.loadCode(site.address, count: KernelForms.siteLength)
    guard found == site.original else {
      throw .unknownBytes(
        site: site.address, site.operation, found: found, expected: site.original)
    }
  }

  /// Keeps kprobes from being set on sites, where they would execute a copy of what the site held at that
  /// moment.
  private static func keepProbesOff(_ sites: KernelSites) throws(InstallFailure) {
    guard forbidProbesInThisModule() else { throw .noMemory }
    for index in 0..<sites.count where !forbidProbes(onSite: sites[index].address) {
      throw .noMemory
    }
  }

  /// Brings every site that holds two instructions, or one of six bytes, into the form that pokes
  /// write.
  private static func convert() throws(InstallFailure) {
    let conversion = unsafe SiteConversion(
      sites: control.sites, set: control.bootSet, direction: .toOneInstruction)
    do throws(PatchError) {
      try carryOut(conversion)
    } catch {
      throw .patch(error)
    }
  }

  /// Converts sites, all or, when something unrecognised is found, none.
  static func carryOut(_ conversion: SiteConversion) throws(PatchError) {
    lockText()
    defer { unlockText() }
    _ = try Patcher<KernelCode>.verify(conversion, .breakpoint)
    let before = KernelTarget.currentState
    var inTransit = before
    for index in LockOperation.switched.indices {
      inTransit.setInTransit(LockOperation.switched[index], true)
    }
    // Before the first breakpoint, in the order of `text_poke`'s own barriers.
    KernelMachine.store(inTransit.bits, to: KernelTarget.state, .releasing)
    defer { KernelMachine.store(before.bits, to: KernelTarget.state, .releasing) }
    unsafe KernelCode.mustPassPreemption = true
    defer { unsafe KernelCode.mustPassPreemption = false }
    try Patcher<KernelCode>.poke(conversion, .breakpoint)
  }
}
