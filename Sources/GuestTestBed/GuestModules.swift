import Foundation
import KernelImages

/// The kernel modules and the site table, made for one kernel.
public struct GuestModules: Sendable {
  /// `tidelock.ko`.
  public let tidelock: URL
  /// `tidelock_torture.ko`.
  public let torture: URL
  /// `tidelock_blocker.ko`, a module with lock operations of its own.
  public let blocker: URL
  /// `tidelock_unlocker.ko`, a module whose only lock operation is an unlock.
  public let unlocker: URL
  /// A program that runs a command and prints what perf is told about changed text meanwhile.
  public let textPokes: URL
  /// The site table that `tidelock.ko` needs.
  public let siteTable: URL

  /// Builds what is not up to date, in a folder of its own for each kernel.
  ///
  /// Takes some ten seconds the first time, and one when nothing has changed.
  ///
  /// - Throws: ``GuestError``, or `KernelImageError` for a kernel without sites.
  public static func build(for kernel: GuestKernel) async throws -> GuestModules {
    let sources = GuestKernel.checkout.appending(path: "Guest")
    guard FileManager.default.fileExists(atPath: sources.appending(path: "Makefile").path) else {
      throw GuestError.noModuleSources(folder: GuestKernel.checkout.path)
    }
    // make itself, the compilers of C and of Swift, and what looks at objects.
    try HostTools.require(["flock", "make", "gcc-12", "swiftc", "objdump"])
    let folder = kernel.cache.appending(path: "modules/\(kernel.release)")
    do {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    } catch {
      throw GuestError.file(path: folder.path, reason: error.localizedDescription)
    }
    // Two builds at once would write into each other's files: the second waits.
    let built = try await runTool(
      "flock",
      [
        "--no-fork", folder.appending(path: "lock").path, "make", "--no-print-directory", "-C",
        sources.path, "KERNEL=\(kernel.headers.path)",
        "OUT=\(folder.path)",
      ])
    guard built.succeeded else {
      throw GuestError.buildFailed(output: built.output.lastLines(20).joined(separator: "\n"))
    }
    let siteTable = folder.appending(path: "sites")
    if !siteTable.isNewer(than: kernel.image) {
      let table = try await KernelImage(path: kernel.image.path).siteTable()
      try writeFile(Data(table), to: siteTable)
    }
    return GuestModules(
      tidelock: folder.appending(path: "tidelock/tidelock.ko"),
      torture: folder.appending(path: "tidelock_torture/tidelock_torture.ko"),
      blocker: folder.appending(path: "tidelock_blocker/tidelock_blocker.ko"),
      unlocker: folder.appending(path: "tidelock_blocker/tidelock_unlocker.ko"),
      textPokes: folder.appending(path: "text_pokes"), siteTable: siteTable)
  }
}

/// Writes a file whole or not at all.
func writeFile(_ content: Data, to file: URL) throws(GuestError) {
  do {
    try content.write(to: file, options: .atomic)
  } catch {
    throw .file(path: file.path, reason: error.localizedDescription)
  }
}

extension URL {
  /// Whether both files are there and this one was written later.
  func isNewer(than other: URL) -> Bool {
    func date(_ file: URL) -> Date? {
      try? FileManager.default.attributesOfItem(atPath: file.path)[.modificationDate] as? Date
    }
    guard let mine = date(self), let theirs = date(other) else { return false }
    return mine > theirs
  }
}

extension String {
  /// The last lines that are not empty.
  func lastLines(_ count: Int) -> [String] {
    split(whereSeparator: \.isNewline).suffix(count).map(String.init)
  }
}
