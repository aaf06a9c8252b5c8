import ELFReader
import GuestSiteTable

/// What can be switched in a kernel, found in its boot image or vmlinux.
///
///     let kernel = try await KernelImage(path: "/boot/vmlinuz-6.1.0-56-amd64")
///     print(kernel.identity.release, kernel.sites.count)
///
/// Understands the tables of Linux 5.12 to 6.7 (`.parainstructions`) and of later ones
/// (`.altinstructions`); tested with Debian's 6.1 and 6.12.
public struct KernelImage: Sendable {
  /// The path of the image.
  public let file: String
  /// Which build it is.
  public let identity: KernelIdentity
  /// The patch sites, sorted by address.
  public let sites: [KernelLockSite]
  /// How many more there are in code that the kernel discards after boot.
  public let discardedSites: Int
  /// The functions of the kernel, to name where a site is; empty where it does not name them.
  public let functions: FunctionSymbols

  /// Reads an image, unpacks it and finds its sites.
  ///
  /// Runs `xz`, `zstd`, `gzip` or `lz4`, without a shell; cancelling the task ends it.
  ///
  /// - Parameter path: A boot image (vmlinuz) or an unpacked vmlinux.
  /// - Throws: ``KernelImageError``.
  public init(path: String) async throws(KernelImageError) {
    try await self.init(path: path, unpacker: Unpacker())
  }

  init(path: String, unpacker: Unpacker) async throws(KernelImageError) {
    try self.init(vmlinux: await Self.unpacked(path, unpacker), file: path)
  }

  /// The kernel's own ELF file out of a boot image, or what the file holds if it is one already.
  ///
  /// - Throws: ``KernelImageError``.
  public static func unpacked(path: String) async throws(KernelImageError) -> [UInt8] {
    try await unpacked(path, Unpacker())
  }

  private static func unpacked(
    _ path: String, _ unpacker: Unpacker
  ) async throws(KernelImageError) -> [UInt8] {
    let bytes: [UInt8]
    do { bytes = try readRegularFile(path) } catch { throw .elf(error) }
    if BootImage.isOne(bytes) {
      return try await unpacker.unpack(BootImage(bytes, file: path).payload, file: path)
    }
    guard bytes.starts(with: [0x7f, 0x45, 0x4c, 0x46]) else { throw .notAKernel(file: path) }
    return bytes
  }

  /// Finds the sites of an unpacked kernel.
  ///
  /// - Throws: ``KernelImageError``.
  public init(vmlinux: [UInt8], file: String) throws(KernelImageError) {
    let kernel: ELFFile
    do { kernel = try ELFFile(bytes: vmlinux, name: file) } catch { throw .elf(error) }
    // `_text` is where the first section begins, symbols or not.
    guard let text = kernel.section(named: ".text"), text.isExecutable else {
      throw .noLockOperations(file: file, reason: "it has no section .text")
    }
    self.file = file
    identity = try KernelIdentity(of: kernel)
    // Linux 7 gave them a table of their own, `pv_ops_lock`, which looks the same to a search for sites
    // and is unknown to the module.
    guard (identity.release.split(separator: ".").first.flatMap { Int($0) } ?? 0) < 7 else {
      throw .otherLockOperations(file: file, release: identity.release)
    }
    let found = try KernelLockSites(of: kernel, text: text)
    sites = found.sites
    discardedSites = found.discarded
    let named: FunctionSymbols
    do { named = try kernel.functionSymbols() } catch { throw .elf(error) }
    functions =
      named.all.isEmpty
      ? FunctionSymbols(KernelSymbols(of: kernel, text: text)?.functions ?? []) : named
  }

  /// The table that the kernel module takes, bound to this very build.
  ///
  /// - Throws: ``KernelImageError`` if the kernel's names for itself are longer than it allows.
  public func siteTable() throws(KernelImageError) -> [UInt8] {
    let entries = sites.map {
      GuestSiteTable.Entry(
        offset: $0.offset, operation: $0.operation, length: UInt8($0.bytes.count))
    }
    do throws(GuestSiteTable.Fault) {
      return try GuestSiteTable.encode(
        entries, buildID: identity.buildID, release: identity.release, version: identity.version)
    } catch {
      throw .inconsistent(file: file, detail: "\(error.sentence)")
    }
  }
}
