import CodePatching
import KernelServices
import LockPlatform
import LockSwitching

/// A patch site of the running kernel.
struct KernelSite {
  let address: UInt
  /// What it held when the module was loaded.
  let original: UInt64
  let operation: LockOperation
}

/// All patch sites, sorted by address, in memory from the kernel.
@safe struct KernelSites: SiteTable {
  private let memory: UnsafeMutablePointer<KernelSite>?
  private(set) var count: Int
  private let capacity: Int

  /// No sites.
  init() {
    unsafe memory = nil
    count = 0
    capacity = 0
  }

  /// Room for this many sites; nil if there is no memory.
  init?(capacity: Int) {
    guard let memory = unsafe allocate(UInt(capacity * MemoryLayout<KernelSite>.stride)) else {
      return nil
    }
    // Fresh memory, aligned to a page, never used as anything else.
    unsafe self.memory = memory.bindMemory(to: KernelSite.self, capacity: capacity)
    count = 0
    self.capacity = capacity
  }

  /// Gives the memory back.
  ///
  /// No CPU may look up a site any more.
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

  /// Whether a site begins at an address.
  func contains(_ address: UInt) -> Bool { index(of: address) != nil }

  /// The site that begins at an address; nil if none does.
  func index(of address: UInt) -> Int? {
    var low = 0
    var high = count
    while low < high {
      let middle = low &+ (high &- low) / 2
      if self[middle].address < address { low = middle &+ 1 } else { high = middle }
    }
    return low < count && self[low].address == address ? low : nil
  }

  func site(_ index: Int) -> (address: UInt, operation: LockOperation) {
    let site = self[index]
    return (site.address, site.operation)
  }

  func form(of index: Int, as implementation: Implementation) -> Form? {
    let site = self[index]
    return KernelForms.form(site.operation, implementation, site: site.address)
  }

  /// What a site holds as one instruction while a set is in force, padded to its whole length; nil for
  /// one that holds the same as after boot, so that nothing is converted.
  func converted(_ index: Int, in set: LockSet) -> Form? {
    let site = self[index]
    guard site.operation != .vcpuIsPreempted,
      let form = form(of: index, as: set.implementation(of: site.operation))
    else { return nil }
    let padded = KernelForms.padded(form)
    return padded.bytes == site.original ? nil : padded
  }
}

/// The sites that pass between what the kernel put there, which may be two instructions, and the one
/// instruction that pokes change.
///
/// Both do the same.
struct SiteConversion: PokeList {
  enum Direction {
    /// When the module is loaded.
    case toOneInstruction
    /// When it is removed.
    ///
    /// A site that holds unrecognised bytes, or is covered by a probe, is left alone: its one
    /// instruction needs nothing of the module's.
    case toOriginal
  }

  let sites: KernelSites
  let set: LockSet
  let direction: Direction

  var count: Int { sites.count }

  func poke(_ index: Int) throws(PatchError) -> Poke? {
    guard let one = sites.converted(index, in: set) else { return nil }
    let site = sites[index]
    let original = Form(bytes: site.original, count: KernelForms.siteLength)
    switch direction {
    case .toOneInstruction: return Poke(at: site.address, from: original, to: one)
    case .toOriginal:
      // Behind our own breakpoint the conversion is under way: the answer must stay the same.
      guard isOurs(site.address, one, original), probe(covering: site.address) == 0 else {
        return nil
      }
      return Poke(at: site.address, from: one, to: original)
    }
  }

  private func isOurs(_ address: UInt, _ one: Form, _ original: Form) -> Bool {
    let held = KernelCode.loadCode(address, count: one.count)
    if held == one.bytes || held == original.bytes { return true }
    let tail = held >> 8
    return held & 0xff == Form.breakpoint && (tail == one.bytes >> 8 || tail == original.bytes >> 8)
  }
}
