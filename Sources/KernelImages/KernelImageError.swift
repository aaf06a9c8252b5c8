import ELFReader
import Foundation

/// Why the lock operations of a kernel image could not be found, as one sentence naming the file.
public enum KernelImageError: Error, Equatable, Sendable {
  /// The file, or the kernel in it, is no ELF file that can be read.
  case elf(ELFError)
  /// Neither a boot image of x86 Linux nor an ELF file.
  case notAKernel(file: String)
  /// The boot image is older than the field that says where its payload is (2007).
  case tooOld(file: String, protocolVersion: UInt16)
  /// The boot image ends before `part` does.
  case truncated(file: String, part: String, fileSize: Int)
  /// The payload is compressed in a way that is not read, or not compressed at all.
  case unknownCompression(file: String, found: String)
  /// The payload could not be written to a file for the program that unpacks it.
  case noTemporaryFile(file: String, folder: String, reason: String)
  /// The program that unpacks the payload is not installed.
  case toolMissing(file: String, tool: String, package: String)
  /// The program that unpacks the payload failed; `reason` is what it said.
  case unpackingFailed(file: String, tool: String, reason: String)
  /// Unpacking took longer than `seconds`.
  case unpackingTooSlow(file: String, tool: String, seconds: Int)
  /// The image claims to unpack to more than `limit` bytes, or to nothing.
  case absurdSize(file: String, claimed: UInt64, limit: Int)
  /// What was unpacked is not what the image claims.
  case wrongSize(file: String, claimed: Int, found: Int)
  /// The kernel does not say which build it is.
  case noIdentity(file: String, missing: String)
  /// The kernel has no paravirtual lock operations; `reason` says how that is known.
  case noLockOperations(file: String, reason: String)
  /// The kernel keeps its lock operations outside `pv_ops`.
  case otherLockOperations(file: String, release: String)
  /// Tables or code of the kernel contradict each other.
  case inconsistent(file: String, detail: String)
}

extension KernelImageError: CustomStringConvertible, LocalizedError {
  /// The sentence a user reads.
  public var description: String {
    switch self {
    case .elf(let error):
      error.description
    case .notAKernel(let file):
      "\(file) is neither a boot image (vmlinuz) nor a vmlinux of x86-64 Linux."
    case .tooOld(let file, let version):
      "\(file) uses boot protocol \(version >> 8).\(version & 0xff); 2.8 or later is needed to find"
        + " the kernel in it."
    case .truncated(let file, let part, let size):
      "\(file) is truncated: its \(part) would lie beyond the end of the file, at \(size) bytes."
    case .unknownCompression(let file, let found):
      "The kernel in \(file) is packed with \(found); xz, zstd, gzip and lz4 can be unpacked."
    case .noTemporaryFile(let file, let folder, let reason):
      "Cannot unpack \(file) by way of \(folder): \(reason); set TMPDIR to a folder with room."
    case .toolMissing(let file, let tool, let package):
      "\(tool) is needed to unpack \(file) but is not installed; on Debian: apt-get install \(package)."
    case .unpackingFailed(let file, let tool, let reason):
      "\(tool) could not unpack the kernel in \(file): \(reason)."
    case .unpackingTooSlow(let file, let tool, let seconds):
      "\(tool) did not unpack the kernel in \(file) within \(seconds) seconds."
    case .absurdSize(let file, let claimed, let limit):
      "\(file) is damaged: it claims to unpack to \(claimed) bytes, but a kernel has 1 to \(limit)."
    case .wrongSize(let file, let claimed, let found):
      "\(file) is damaged: it unpacks to \(found) bytes instead of \(claimed)."
    case .noIdentity(let file, let missing):
      "The kernel in \(file) has no \(missing), so no site table can be bound to it."
    case .noLockOperations(let file, let reason):
      "The kernel in \(file) has no lock operations that can be switched: \(reason)."
    case .otherLockOperations(let file, let release):
      "\(file) is Linux \(release), which keeps its lock operations outside pv_ops (Linux 7 and later);"
        + " boot 6.1 or 6.12 to switch them."
    case .inconsistent(let file, let detail):
      "The kernel in \(file) is not one whose sites are understood: \(detail)."
    }
  }

  /// The same sentence, for code that asks any `Error` for its description.
  public var errorDescription: String? { description }
}
