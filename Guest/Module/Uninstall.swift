import CodePatching
import KernelServices
import KernelText
import LockPlatform
import LockSwitching

extension Control {
  /// Puts everything back as the kernel had it.
  ///
  /// The boot set is wholly in place, or the module could not be removed. It waits for nothing: a site that
  /// holds unrecognised bytes, or is covered by a probe, keeps its one instruction, and the log names it.
  static func uninstall() {
    guard unsafe control.symbols != nil else { return }
    let sites = unsafe control.sites
    lockProbes()
    holdCPUs()
    let conversion = unsafe SiteConversion(
      sites: sites, set: control.bootSet, direction: .toOriginal)
    do throws(PatchError) {
      try carryOut(conversion)
    } catch {
      withLine { line in line.write(error, probe: 0) }
    }
    var different = unsafe control.bootTable?.restore() ?? 0
    for index in 0..<sites.count where differs(sites[index]) { different += 1 }
    allowProbes()
    releaseCPUs()
    unlockProbes()
    withLine { line in
      line.write("removed; of ")
      line.write(decimal: sites.count)
      line.write(" sites and 5 operations ")
      line.write(decimal: different)
      line.write(" differ from what they were before loading")
    }
    unsafe control.symbols = nil
    // No CPU is at the gate, in wait or kick, or in the breakpoint handler any more: all of them run with
    // preemption off, called from places that do.
    passPreemption()
    unsafe control.hash?.remove()
    unsafe control.sites = KernelSites()
    sites.deallocate()
  }

  private static func differs(_ site: KernelSite) -> Bool {
    let found = KernelCode.loadCode(site.address, count: KernelForms.siteLength)
    guard found != site.original else { return false }
    let covering = probe(covering: site.address)
    withLine { line in
      line.write(site.operation.name)
      line.write(" site ")
      line.write(address: site.address)
      line.write(" keeps ")
      line.write(code: found, count: KernelForms.siteLength)
      line.write(" instead of ")
      line.write(code: site.original, count: KernelForms.siteLength)
      if covering != 0 {
        line.write(" because of the kprobe at ")
        line.write(address: covering)
      }
      line.write("; it does the same")
    }
    return true
  }
}
