import CodePatching
import LockPlatform
import LockSwitching
import UserSpaceShims

/// A patch site of an image, with addresses made absolute.
struct ProgramSite {
  var address: UInt
  var stub: UInt
}

/// The core's record of an image: its sites sorted by address, in memory of their own.
///
/// Contract: records are made and unlinked with `images_lock` held. The handler of breakpoints
/// reads them without, counted by `handlers`, and unlinking waits for that count.
@unsafe struct ImageRecord {
  var next: UnsafeMutablePointer<ImageRecord>?
  var count: Int
  var size: Int
  /// The unlocks that the sites hold in the image's file.
  var inFile = Implementations.none
  /// The first site whose entry in the table this core does not understand; 0 if there is none.
  var unknown: UInt = 0

  /// From the record's address: the sites follow it.
  static func sites(_ record: UnsafeMutablePointer<ImageRecord>) -> UnsafeMutableBufferPointer<
    ProgramSite
  > {
    let first = unsafe UnsafeMutableRawPointer(record + 1)
      .assumingMemoryBound(to: ProgramSite.self)
    return unsafe UnsafeMutableBufferPointer(start: first, count: record.pointee.count)
  }

  /// Reads an image's table.
  ///
  /// Nil without memory.
  static func make(_ image: UnsafeMutablePointer<tidelock_image>) -> UnsafeMutablePointer<
    ImageRecord
  >? {
    // The linker's bounds of the section.
    guard let first = unsafe image.pointee.first, let end = unsafe image.pointee.end else {
      return unsafe allocate(count: 0)
    }
    let table = unsafe UnsafeBufferPointer(start: first, count: end - first)
    guard let record = unsafe allocate(count: table.count) else { return nil }
    let all = unsafe sites(record)
    var count = 0
    for index in table.indices {
      // Relative to the place of the field itself.
      let entry = unsafe UInt(bitPattern: first + index)
      let fields = unsafe table[index]
      let address = entry &+ UInt(bitPattern: Int(fields.site))
      guard let form = unsafe formInFile(fields) else {
        if unsafe record.pointee.unknown == 0 { unsafe record.pointee.unknown = address }
        continue
      }
      unsafe record.pointee.inFile = record.pointee.inFile.with(form)
      unsafe all.initializeElement(
        at: count,
        to: ProgramSite(
          address: address, stub: entry &+ 4 &+ UInt(bitPattern: Int(fields.stub))))
      count += 1
    }
    var sites = unsafe UnsafeMutableBufferPointer(rebasing: all[..<count])
    // By the stub too, so that the choice below is always the same.
    unsafe sites.sort { ($0.address, $0.stub) < ($1.address, $1.stub) }
    unsafe record.pointee.count = keepOnePerAddress(sites)
    return unsafe record
  }

  /// The unlock that the file has at a site; nil if this core does not understand its entry.
  private static func formInFile(_ entry: tidelock_site) -> Implementation? {
    guard entry.length == 5, entry.operation == UInt16(LockOperation.unlock.rawValue) else {
      return nil
    }
    return switch entry.version {
    case 1: .native
    case 2: .paravirtual
    default: nil
    }
  }

  /// Whether any site of an image is native in its file, or unknown.
  static func mayBeNative(_ image: UnsafeMutablePointer<tidelock_image>) -> Bool {
    // The linker's bounds of the section.
    guard let first = unsafe image.pointee.first, let end = unsafe image.pointee.end else {
      return false
    }
    let table = unsafe UnsafeBufferPointer(start: first, count: end - first)
    return unsafe table.contains { unsafe formInFile($0) != .paravirtual }
  }

  /// Leaves one entry for each site, and returns how many there are.
  ///
  /// Where the linker folds equal functions into one (`--icf`), the entries of all of them name the
  /// site of the one that is left. Any of their stubs will do, each leads back to that site; but only
  /// one, or a site would be found in a form that is another's.
  private static func keepOnePerAddress(_ sites: UnsafeMutableBufferPointer<ProgramSite>) -> Int {
    var kept = 0
    for index in sites.indices
    where unsafe kept == 0 || sites[index].address != sites[kept - 1].address {
      unsafe sites[kept] = sites[index]
      kept += 1
    }
    return kept
  }

  /// Frees a record that is on no list.
  static func discard(_ record: UnsafeMutablePointer<ImageRecord>) {
    let size = unsafe record.pointee.size
    tidelock_unmap(UInt(bitPattern: record), size)
  }

  private static func allocate(count: Int) -> UnsafeMutablePointer<ImageRecord>? {
    let size = unsafe MemoryLayout<ImageRecord>.stride + count * MemoryLayout<ProgramSite>.stride
    guard
      let record = unsafe UnsafeMutablePointer<ImageRecord>(
        bitPattern: UInt(tidelock_map(size)))
    else { return nil }
    unsafe record.initialize(to: ImageRecord(next: nil, count: count, size: size))
    return unsafe record
  }
}

/// The sites of one image.
@safe struct ImageSites: SiteTable {
  /// On the list for as long as `images_lock` is held or `handlers` is counted.
  let record: UnsafeMutablePointer<ImageRecord>

  var count: Int { unsafe record.pointee.count }

  func site(_ index: Int) -> (address: UInt, operation: LockOperation) {
    (unsafe ImageRecord.sites(record)[index].address, .unlock)
  }

  func form(of index: Int, as implementation: Implementation) -> Form? {
    let site = unsafe ImageRecord.sites(record)[index]
    return switch implementation {
    case .native: ProgramUnlockForms.native
    case .paravirtual: ProgramUnlockForms.paravirtual(site: site.address, stub: site.stub)
    case .testAndSet, .gate: nil
    }
  }

  /// From the first byte of the first site to behind the last; nil without sites.
  var bounds: (low: UInt, high: UInt)? {
    guard count > 0 else { return nil }
    return (site(0).address, site(count - 1).address &+ 8)
  }
}

/// The sites of every image, one after the other.
///
/// Contract: `images_lock` is held for as long as this is used. It allocates nothing: an allocator
/// may be waiting for that lock.
struct ProgramSites: SiteTable {
  let count: Int
  /// They stay as they are while the lock is held.
  private let images = Images.all

  init() {
    var count = 0
    for image in images { count += image.count }
    self.count = count
  }

  /// All sites, if this core understands them.
  static func understood() throws(SwitchFailure) -> ProgramSites {
    for image in Images.all where unsafe image.record.pointee.unknown != 0 {
      throw .patch(.noForm(site: unsafe image.record.pointee.unknown))
    }
    return ProgramSites()
  }

  func eachPart(_ body: (ImageSites) throws(PatchError) -> Void) throws(PatchError) {
    for image in images { try body(image) }
  }

  func site(_ index: Int) -> (address: UInt, operation: LockOperation) {
    let (image, offset) = place(index)
    return image.site(offset)
  }

  func form(of index: Int, as implementation: Implementation) -> Form? {
    let (image, offset) = place(index)
    return image.form(of: offset, as: implementation)
  }

  private func place(_ index: Int) -> (image: ImageSites, offset: Int) {
    var offset = index
    for image in images {
      if offset < image.count { return (image, offset) }
      offset -= image.count
    }
    preconditionFailure("tidelock: no such site")
  }
}

/// The list of attached images.
enum Images {
  private static var head: Location<UInt64> {
    // A word of the core's state, which lives as long as the process.
    unsafe Location(address: tidelock_state_images())
  }

  /// Handlers of breakpoints that read the list just now.
  static var handlers: Location<UInt32> {
    unsafe Location(address: tidelock_state_handlers())
  }

  /// Newest first.
  ///
  /// Callable in the handler of breakpoints: it only reads.
  ///
  /// Acquiring; pairs with the release in `link`: a record is whole before it can be found.
  static var all: ImageList {
    unsafe ImageList(
      following: UnsafeMutablePointer(bitPattern: UInt(ProgramMachine.load(head, .acquiring))))
  }

  /// Contract: `images_lock` is held.
  static func link(_ record: UnsafeMutablePointer<ImageRecord>) {
    unsafe record.pointee.next = UnsafeMutablePointer(
      bitPattern: UInt(ProgramMachine.load(head, .relaxed)))
    ProgramMachine.store(UInt64(UInt(bitPattern: record)), to: head, .releasing)
  }

  /// Takes a record off the list and frees it.
  ///
  /// Contract: `images_lock` is held, so no site of the image is in transit.
  static func unlink(_ record: UnsafeMutablePointer<ImageRecord>) {
    let behind = unsafe record.pointee.next
    if ProgramMachine.load(head, .relaxed) == UInt64(UInt(bitPattern: record)) {
      ProgramMachine.store(UInt64(UInt(bitPattern: behind)), to: head, .releasing)
    } else {
      for image in all where unsafe image.record.pointee.next == record {
        unsafe image.record.pointee.next = behind
        break
      }
    }
    // A handler that came before the record was taken off may still read it; one that comes now
    // does not find it. No breakpoint is in place, so the count falls to 0.
    tidelock_fence()
    var attempt: UInt32 = 0
    while ProgramMachine.load(handlers, .acquiring) != 0 {
      ProgramMachine.relax(attempt)
      attempt &+= 1
    }
    unsafe ImageRecord.discard(record)
  }
}

/// A walk along the list of images.
@safe struct ImageList: Sequence, IteratorProtocol {
  /// On the list: contract of `ImageRecord`.
  fileprivate var following: UnsafeMutablePointer<ImageRecord>?

  mutating func next() -> ImageSites? {
    guard let record = unsafe following else { return nil }
    unsafe following = record.pointee.next
    return unsafe ImageSites(record: record)
  }
}
