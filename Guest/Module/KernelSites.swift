import CodePatching
import KernelServices
import LockPlatform

/// A patch site of the running kernel.
struct KernelSite {
  let address: UInt
  /// What it held when the module was loaded.
  let original: UInt64
  let operation: LockOperation
}

/// All patch sites, sorted by address, in memory of the kernel's.
@safe struct KernelSites: SiteTable {
  private let memory: UnsafeMutablePointer<KernelSite>?
  private(set) var count: Int
  private let capacity: Int
  var forms: KernelForms

  /// No sites.
  init() {
    unsafe memory = nil
    count = 0
    capacity = 0
    forms = KernelForms()
  }

  /// Room for so many sites; nil if there is no memory.
  init?(capacity: Int, forms: KernelForms) {
    guard let memory = unsafe allocate(UInt(capacity * MemoryLayout<KernelSite>.stride)) else {
      return nil
    }
    // Fresh memory, aligned to a page, never used as anything else.
    unsafe self.memory = memory.bindMemory(to: KernelSite.self, capacity: capacity)
    count = 0
    self.capacity = capacity
    self.forms = forms
  }

  /// Gives the memory back.
  ///
  /// Nobody may look up a site any more.
  func deallocate() {
    unsafe free(memory, UInt(capacity * MemoryLayout<KernelSite>.stride))
  }

  /// Adds a site behind all others; there must be room.
  mutating func append(_ site: KernelSite) {
    guard count < capacity, let memory = unsafe memory else { return }
    // In bounds by the line above.
    unsafe memory[count] = site
    count += 1
  }

  /// A site; the index must be below `count`.
  subscript(_ index: Int) -> KernelSite {
    // In bounds: asserted by the callers' loops over `count`.
    unsafe memory.unsafelyUnwrapped[index]
  }

  func site(_ index: Int) -> (address: UInt, operation: LockOperation) {
    let site = self[index]
    return (site.address, site.operation)
  }

  func form(of index: Int, as implementation: Implementation) -> Form? {
    let site = self[index]
    return forms.form(site.operation, implementation, site: site.address)
  }
}

/// The same sites while they pass between what the kernel put there and what pokes write.
///
/// Both mean the same implementation of the operation, so the names of the two are free: what the
/// kernel put there is called native here, what pokes write the gate.
struct ConversionSites: SiteTable {
  let sites: KernelSites
  let implementation: Implementation

  var count: Int { sites.count }

  func site(_ index: Int) -> (address: UInt, operation: LockOperation) { sites.site(index) }

  func form(of index: Int, as side: Implementation) -> Form? {
    if side == .native { return Form(bytes: sites[index].original, count: KernelForms.siteLength) }
    guard let form = sites.form(of: index, as: implementation) else { return nil }
    return KernelForms.padded(form)
  }
}
