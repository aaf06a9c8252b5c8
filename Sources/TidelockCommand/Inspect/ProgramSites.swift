import CodePatching
import ELFReader
import LockPlatform

/// Reads the table of patch sites that the lock library leaves in a program or shared library.
///
/// The section `tidelock_sites` holds entries of 16 bytes, little-endian: site and stub as 32-bit
/// distances from the very field that holds them, operation (16 bits), length and version (8 bits
/// each), and four zero bytes.
struct ProgramSites {
  static let section = "tidelock_sites"
  static let entrySize = 16
  /// In version 1 the file has the native form at a site, in version 2 the paravirtual one.
  static let versions: ClosedRange<UInt8> = 1...2
  static let siteLength = ProgramUnlockForms.native.count

  /// The sites, sorted by address.
  let sites: [PatchSite]

  init(of file: ELFFile) throws {
    guard file.kind == .program || file.kind == .shared else {
      throw SiteTableError.notLinked(file: file.name)
    }
    guard let section = file.section(named: Self.section), section.size > 0 else {
      throw SiteTableError.noSites(file: file.name)
    }
    let entries = try file.contents(of: section)
    guard entries.count % Self.entrySize == 0 else {
      throw SiteTableError.damaged(
        file: file.name, detail: "its \(entries.count) bytes are no multiple of 16")
    }
    sites = try stride(from: 0, to: entries.count, by: Self.entrySize).map { offset in
      try Self.site(
        entry: entries.dropFirst(offset), number: offset / Self.entrySize,
        entryAddress: section.address &+ UInt64(offset), file: file)
    }.sorted { $0.address < $1.address }
  }

  private static func site(
    entry: ArraySlice<UInt8>, number: Int, entryAddress: UInt64, file: ELFFile
  ) throws -> PatchSite {
    guard let siteDistance: Int32 = entry.littleEndian(at: 0),
      let stubDistance: Int32 = entry.littleEndian(at: 4),
      let operationNumber: UInt16 = entry.littleEndian(at: 8),
      let length: UInt8 = entry.littleEndian(at: 10),
      let version: UInt8 = entry.littleEndian(at: 11)
    else { throw SiteTableError.damaged(file: file.name, detail: "entry \(number) is cut off") }
    guard versions.contains(version) else {
      throw SiteTableError.unknownVersion(file: file.name, version: version)
    }
    guard length == siteLength,
      let operation = UInt8(exactly: operationNumber).flatMap(LockOperation.init(rawValue:))
    else {
      throw SiteTableError.damaged(
        file: file.name,
        detail: "entry \(number) names operation \(operationNumber) and length \(length)")
    }
    let address = entryAddress &+ UInt64(bitPattern: Int64(siteDistance))
    let stub = entryAddress &+ 4 &+ UInt64(bitPattern: Int64(stubDistance))
    let segment = file.segment(containing: address, count: siteLength)
    let bytes =
      segment == nil ? [] : Array(try file.bytes(atVirtualAddress: address, count: siteLength))
    var problems: [SiteProblem] = []
    if segment?.isExecutable != true { problems.append(.notExecutable) }
    if address % 8 > 8 - UInt64(siteLength) { problems.append(.crossesWord) }
    return PatchSite(
      address: address, operation: operation, bytes: bytes,
      form: SiteForm(of: bytes, operation: operation, site: address, stub: stub),
      problems: problems)
  }
}

/// Why there is no list of patch sites for a file.
enum SiteTableError: Error, Equatable, CustomStringConvertible {
  case noSites(file: String)
  case notLinked(file: String)
  case unknownVersion(file: String, version: UInt8)
  case damaged(file: String, detail: String)

  var description: String {
    switch self {
    case .noSites(let file):
      "\(file) has no patch sites; only programs and libraries that use Tidelock's locks have some."
    case .notLinked(let file):
      "\(file) is not linked, so its patch sites have no addresses yet; name the program or library."
    case .unknownVersion(let file, let version):
      "The site table of \(file) has version \(version), but this tidelock reads versions"
        + " \(ProgramSites.versions.lowerBound) and \(ProgramSites.versions.upperBound); use the tidelock of the library that the file was built with."
    case .damaged(let file, let detail):
      "The site table of \(file) is damaged: \(detail)."
    }
  }
}
