import CodePatching
import KernelServices
import KernelText
import LockPlatform
import LockSwitching

extension Control {
  /// Puts everything back as the kernel had it.
  ///
  /// Cannot fail, only wait: for as long as somebody else's breakpoint stands in one of the sites
  /// it says so and tries again.
  static func uninstall() {
    guard unsafe control.symbols != nil else { return }
    // Nobody waits for it any more.
    unsafe control.timeLimit = 60_000
    // The one that no load keeps from finishing.
    unsafe control.protocol = .staged
    while unsafe control.set != control.bootSet {
      if change(to: unsafe control.bootSet, .operator) != 0 { waitBeforeRetry() }
    }
    while true {
      do throws(PatchError) {
        try convert(toPoked: false)
        break
      } catch {
        withLine { line in line.write(error) }
        waitBeforeRetry()
      }
    }
    let sites = unsafe control.sites
    var different = unsafe control.bootTable?.restore() ?? 0
    for index in 0..<sites.count {
      let site = sites[index]
      let bytes = KernelMemory.loadCode(site.address, count: KernelForms.siteLength)
      if bytes != site.original { different += 1 }
    }
    withLine { line in
      line.write("removed; of ")
      line.write(decimal: sites.count)
      line.write(" sites and 5 operations ")
      line.write(decimal: different)
      line.write(" differ from what they were before loading")
    }
    unsafe control.symbols = nil
    unsafe control.hash?.remove()
    // Nobody is at the gate, in wait or kick, or in the breakpoint handler any more.
    waitForTasks()
    unsafe control.sites = KernelSites()
    sites.deallocate()
  }

  private static func waitBeforeRetry() {
    withLine { line in line.write("cannot be removed yet; trying again until it can") }
    longRest()
  }
}
