import Foundation

/// Why a file could not be read as a 64-bit x86-64 ELF file, as one sentence that names the file.
public enum ELFError: Error, Equatable, Sendable {
  /// The file could not be opened or read; `reason` is the system's own words.
  case unreadable(file: String, reason: String)
  /// The file does not begin with the ELF magic number.
  case notELF(file: String)
  /// The file is ELF, but for another machine, word size or byte order.
  case unsupported(file: String, found: String)
  /// `part` reaches beyond the end of the file.
  case truncated(file: String, part: String, fileSize: Int)
  /// A length, index or address in the file contradicts the rest of it.
  case malformed(file: String, detail: String)
}

extension ELFError: CustomStringConvertible, LocalizedError {
  /// The sentence a user reads.
  public var description: String {
    switch self {
    case .unreadable(let file, let reason):
      "Cannot read \(file): \(reason)."
    case .notELF(let file):
      "\(file) is not an ELF file; name a program or a shared library."
    case .unsupported(let file, let found):
      "\(file) is \(found); only 64-bit x86-64 ELF files can be read."
    case .truncated(let file, let part, let fileSize):
      "\(file) is truncated: its \(part) would lie beyond the end of the file, at \(fileSize) bytes."
    case .malformed(let file, let detail):
      "\(file) is damaged: \(detail)."
    }
  }

  /// The same sentence, for code that asks any `Error` for its description.
  public var errorDescription: String? { description }
}
