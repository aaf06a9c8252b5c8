import ELFReader
import KernelImages
import LockPlatform
import LockSwitching
import Runs

/// The patch sites of a kernel as `tidelock guest sites` shows them.
struct GuestSiteReport: Encodable {
  let file: String
  let buildID: String
  let release: String
  let version: String
  /// How many sites each operation has.
  let operations: [String: Int]
  /// How many more are in code that is discarded after boot.
  let discarded: Int
  let sites: [Site]

  struct Site: Encodable {
    /// The function around the site; nil if the kernel does not name it.
    let symbol: String?
    /// Bytes from the start of that function.
    let symbolOffset: UInt64?
    /// Bytes from the kernel's `_text`.
    let offset: UInt32
    let address: String
    let operation: String
    let length: Int
    let bytes: String
  }

  init(_ kernel: KernelImage) {
    file = kernel.file
    buildID = hexadecimal(kernel.identity.buildID)
    release = kernel.identity.release
    version = kernel.identity.version
    discarded = kernel.discardedSites
    operations = kernel.sites.reduce(into: [:]) { $0["\($1.operation.name)", default: 0] += 1 }
    sites = kernel.sites.map { site in
      let function = kernel.functions.containing(site.address)
      return Site(
        symbol: function?.name, symbolOffset: function.map { site.address - $0.address },
        offset: site.offset, address: hexadecimal(site.address),
        operation: "\(site.operation.name)", length: site.bytes.count,
        bytes: hexadecimal(site.bytes, separator: " "))
    }
  }

  /// One JSON object.
  func json() throws -> String { try jsonText(self, isSnakeCase: false) }

  /// A heading, the table and the number of sites by operation.
  func table() -> String {
    let rows = RunTable(
      "Sites",
      columns: [
        .numbers("offset"), .words("operation"), .words("bytes in the image"), .words("symbol"),
      ],
      rows: sites.map { site in
        let place = site.symbol.map { "\($0)+\(site.symbolOffset ?? 0)" } ?? "-"
        return [hexadecimal(UInt64(site.offset)), site.operation, site.bytes, place]
      })
    return """
      \(file): Linux \(release) \(version), build \(buildID)

      \(rows.tinted())

      \(counts)
      """
  }

  /// How many sites each operation has.
  var counts: String {
    let counts = LockOperation.inSlotOrder.map { operation in
      "\(operations["\(operation.name)", default: 0]) \(operation.name)"
    }
    let gone = discarded == 0 ? "" : "; \(discarded) more in code that is discarded after boot"
    return "\(sites.count) sites: \(counts.joined(separator: ", "))\(gone)"
  }
}
