import ArgumentParser
import ELFReader
import Foundation
import KernelImages

/// `tidelock guest sites IMAGE`: what can be switched in a kernel, and the table for the module.
struct GuestSitesCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sites",
    abstract: "List the lock operations of a kernel image and write the module's table of them.",
    discussion: """
      Unpacks the kernel with xz, zstd, gzip or lz4. The table is bound to that very build: the \
      module refuses it in any other kernel. For several images the command prints a line each, and \
      exits with status 1 if one of them cannot be switched.
      """
  )

  @Argument(
    help: "Boot images such as /boot/vmlinuz-$(uname -r), or a vmlinux.", completion: .file())
  var images: [String]

  @Flag(help: "Print one JSON object instead of a table.")
  var json = false

  @Option(help: "Write the table for the kernel module to this file.", completion: .file())
  var table: String?

  func validate() throws {
    guard !images.isEmpty else { throw ValidationError("Name a boot image.") }
    guard images.count == 1 || (table == nil && !json) else {
      throw ValidationError("--table and --json are of one image; name only that one.")
    }
  }

  func run() async throws {
    guard images.count == 1 else { return try await list() }
    let image = images[0]
    let kernel = try await withNotice("Unpacking \(image) ...") {
      try await KernelImage(path: image)
    }
    if let table { try write(kernel.siteTable(), to: table) }
    let report = GuestSiteReport(kernel)
    print(json ? try report.json() : report.table())
  }

  /// A line for each image: its release and its sites, or why it cannot be switched.
  private func list() async throws {
    var isRefused = false
    for image in images {
      do {
        let kernel = try await withNotice("Unpacking \(image) ...") {
          try await KernelImage(path: image)
        }
        print("\(kernel.identity.release): \(GuestSiteReport(kernel).counts)")
      } catch let error as KernelImageError {
        isRefused = true
        print("\(image): \(error)")
      }
    }
    if isRefused { throw ExitCode.failure }
  }

  /// Writes a file whole or not at all.
  private func write(_ bytes: [UInt8], to path: String) throws {
    do {
      try Data(bytes).write(to: URL(fileURLWithPath: path), options: .atomic)
    } catch {
      throw GuestSitesError.notWritten(path: path, reason: systemReason(of: error))
    }
  }
}

/// The table could not be written.
enum GuestSitesError: Error, CustomStringConvertible {
  case notWritten(path: String, reason: String)

  var description: String {
    switch self {
    case .notWritten(let path, let reason): "Cannot write the site table to \(path): \(reason)."
    }
  }
}
