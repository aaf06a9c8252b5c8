import KernelServices

/// The pages that hold sites, mapped once more, writable, while the text is open for writing.
///
/// Only those pages, and only for that long.
@safe struct TextMapping {
  private let pages: UnsafeMutablePointer<UInt>
  private let capacity: Int
  private var count = 0
  private var start: UInt = 0

  private static var pageSize: UInt { 4096 }

  /// Maps them; nil if there is no memory.
  init?(_ sites: KernelSites) {
    // A site may lie in two pages, which are then neighbours here too.
    capacity = 2 * sites.count
    guard let memory = unsafe allocate(UInt(capacity * MemoryLayout<UInt>.stride)) else {
      return nil
    }
    // Fresh memory, aligned to a page, never used as anything else.
    unsafe pages = memory.bindMemory(to: UInt.self, capacity: capacity)
    for index in 0..<sites.count {
      let address = sites[index].address
      add(pageOf: address)
      add(pageOf: address &+ UInt(KernelForms.siteLength) &- 1)
    }
    // `count` pages of the kernel's text.
    start = unsafe mapText(pages, UInt(count))
    guard start != 0 else {
      unsafe free(pages, UInt(capacity * MemoryLayout<UInt>.stride))
      return nil
    }
  }

  /// Sites come sorted by address.
  private mutating func add(pageOf address: UInt) {
    let page = address & ~(Self.pageSize &- 1)
    // In bounds: at most two for each site.
    if count > 0, unsafe pages[count - 1] == page { return }
    unsafe pages[count] = page
    count += 1
  }

  /// Removes the mapping.
  func end() {
    unmapText(start)
    unsafe free(pages, UInt(capacity * MemoryLayout<UInt>.stride))
  }

  /// Where an address of the text can be written; nil if it is not in one of the pages.
  ///
  /// Callable in any context.
  func place(of address: UInt) -> UInt? {
    var low = 0
    var high = count
    let page = address & ~(Self.pageSize &- 1)
    while low < high {
      let middle = low &+ (high &- low) / 2
      // In bounds: below `count`.
      if unsafe pages[middle] < page { low = middle &+ 1 } else { high = middle }
    }
    guard low < count, unsafe pages[low] == page else { return nil }
    return start &+ UInt(low) &* Self.pageSize &+ (address &- page)
  }

  /// Writes bytes, one after the other; false if they are not in the pages.
  ///
  /// Callable in any context. It takes no lock.
  func store(_ bytes: UInt64, count: Int, at address: UInt) -> Bool {
    for index in 0..<count {
      guard let place = place(of: address &+ UInt(index)) else { return false }
      // A page of the mapping. One store for each byte.
      let byte = unsafe UnsafeMutablePointer<SharedByte>(bitPattern: place).unsafelyUnwrapped
      unsafe byte.pointee.set(UInt8(truncatingIfNeeded: bytes >> (8 &* UInt64(index))))
    }
    return true
  }
}
