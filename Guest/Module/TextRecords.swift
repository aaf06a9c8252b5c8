import CodePatching
import KernelServices

/// What perf is told about the changes (perf.c).
enum TextRecords {
  /// Called before a part of a site is written, in task context.
  static func willStore(_ bytes: UInt64, count: Int, at address: UInt) {
    guard count == 1, let site = unsafe control.sites.index(of: address) else { return }
    if bytes == Form.breakpoint {
      noteText(UInt(site), address)
    } else {
      tellText(UInt(site), address, UInt32(truncatingIfNeeded: bytes))
    }
  }

  /// Called around a change during which perf cannot be told.
  static func around(_ sites: KernelSites, _ change: () -> Void) {
    for index in 0..<sites.count { noteText(UInt(index), sites[index].address) }
    change()
    for index in 0..<sites.count {
      let address = sites[index].address
      let first = KernelCode.loadCode(address, count: 1)
      tellText(UInt(index), address, UInt32(truncatingIfNeeded: first))
    }
  }
}
