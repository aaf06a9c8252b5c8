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
  case unknownBytes(site: UInt, LockOperation, found: UInt64, expected: UInt64)
  case patch(PatchError)
}

extension Control {
  /// Finds out how the kernel booted, verifies every site, and only then changes the first byte.
  static func install() throws(InstallFailure) {
    let symbols = try KernelSymbols()
    let bootSet = try bootSet(symbols)
    let (forms, kick) = forms(symbols, bootSet)
    let sites = try readSites(symbols, forms, bootSet)
    unsafe control = Control()
    unsafe control.sites = sites
    unsafe control.bootSet = bootSet
    unsafe control.bootTable = KernelTable(symbols)
    unsafe control.set = bootSet
    unsafe control.kick = kick
    SlowPathInPlace.set(bootSet.implementation(of: .slowPath))
    do throws(PatchError) {
      try convert(toPoked: true)
    } catch {
      sites.deallocate()
      unsafe control.sites = KernelSites()
      throw .patch(error)
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
  private static func forms(
    _ symbols: KernelSymbols, _ bootSet: LockSet
  ) -> (KernelForms, KickMethod) {
    var forms = KernelForms()
    func put(
      _ operation: LockOperation, _ implementation: Implementation, _ function: UInt,
      inline: Bool = false
    ) {
      forms[operation, implementation] = OperationBody(function: function, isInline: inline)
    }
    put(.slowPath, .native, symbols.nativeSlowPath)
    put(.slowPath, .testAndSet, symbols.nativeSlowPath)
    put(.slowPath, .paravirtual, symbols.paravirtualSlowPath)
    put(.slowPath, .gate, gateAddress())
    put(.unlock, .native, symbols.nativeUnlock, inline: true)
    put(.unlock, .paravirtual, symbols.paravirtualUnlock)
    put(.wait, .native, symbols.nothing, inline: true)
    put(.kick, .native, symbols.nothing, inline: true)
    put(.vcpuIsPreempted, .native, symbols.nativeIsPreempted, inline: true)
    if bootSet == .paravirtual {
      // Whatever the hypervisor's guest code has chosen goes on.
      put(.wait, .paravirtual, kernelOperation(Int32(LockOperation.wait.rawValue)))
      put(.kick, .paravirtual, kernelOperation(Int32(LockOperation.kick.rawValue)))
      let isPreempted = kernelOperation(Int32(LockOperation.vcpuIsPreempted.rawValue))
      put(
        .vcpuIsPreempted, .paravirtual, isPreempted,
        inline: isPreempted == symbols.nativeIsPreempted)
      return (forms, .kernel)
    }
    let steal = kvmStealTime()
    put(
      .vcpuIsPreempted, .paravirtual,
      steal ? symbols.kvmIsPreempted : symbols.nativeIsPreempted, inline: !steal)
    guard kvmKicks() else {
      put(.wait, .paravirtual, haltingWaitAddress())
      put(.kick, .paravirtual, haltingKickAddress())
      return (forms, .interrupt)
    }
    put(.wait, .paravirtual, symbols.kvmWait)
    put(.kick, .paravirtual, symbols.kvmKick)
    return (forms, .kvm)
  }

  /// Reads the table, checks that it is this kernel's, and compares every site with what the
  /// kernel must have put there.
  private static func readSites(
    _ symbols: KernelSymbols, _ forms: KernelForms, _ bootSet: LockSet
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
    guard var sites = KernelSites(capacity: count, forms: forms) else { throw .noMemory }
    for index in 0..<count {
      guard let entry = GuestSiteTable.entry(index, in: table) else { continue }
      do throws(InstallFailure) {
        sites.append(try verified(entry, symbols.text, forms, bootSet))
      } catch {
        sites.deallocate()
        throw error
      }
    }
    return sites
  }

  private static func verified(
    _ entry: GuestSiteTable.Entry, _ text: UInt, _ forms: KernelForms, _ bootSet: LockSet
  ) throws(InstallFailure) -> KernelSite {
    let address = text &+ UInt(entry.offset)
    let operation = entry.operation
    let found = KernelMemory.loadCode(address, count: KernelForms.siteLength)
    let expected = forms.bootForm(operation, bootSet.implementation(of: operation), site: address)
    guard let expected, Int(entry.length) == KernelForms.siteLength, found == expected.bytes else {
      throw .unknownBytes(
        site: address, operation, found: found, expected: expected?.bytes ?? 0)
    }
    return KernelSite(address: address, original: found, operation: operation)
  }

  /// Brings every site that holds two instructions, or one of six bytes, into the form that pokes
  /// write, or back; behind a quiescent state of every task.
  ///
  /// All of them or none.
  static func convert(toPoked: Bool) throws(PatchError) {
    lockText()
    defer { unlockText() }
    let operations: InlineArray<4, LockOperation> = [.unlock, .wait, .kick, .vcpuIsPreempted]
    let (from, to): (Implementation, Implementation) =
      toPoked ? (.native, .gate) : (.gate, .native)
    for index in operations.indices {
      do throws(PatchError) {
        try convert(operations[index], from: from, to: to)
      } catch {
        // What was done is undone; a write that was allowed once is allowed again.
        for earlier in 0..<index { try convert(operations[earlier], from: to, to: from) }
        throw error
      }
    }
  }

  private static func convert(
    _ operation: LockOperation, from: Implementation, to: Implementation
  ) throws(PatchError) {
    let sites = unsafe control.sites
    let implementation = unsafe control.bootSet.implementation(of: operation)
    guard sites.forms[operation, implementation].isInline else { return }
    Transit.implementation = implementation
    unsafe Transit.mustPassTasks = true
    defer { unsafe Transit.mustPassTasks = false }
    _ = try Poke<KernelMemory>.poke(
      ConversionSites(sites: sites, implementation: implementation), operation, from: from, to: to,
      by: .breakpoint)
  }
}
