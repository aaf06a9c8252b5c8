import Foundation

/// Why there is no text to count; each case prints as one sentence.
public enum TextError: Error, Equatable, CustomStringConvertible {
  /// Nothing has this name.
  case missing(String)
  /// The file or folder exists but cannot be opened or read.
  case unreadable(String)
  /// The named file does not hold plain text.
  case notText(String)
  /// No word was found in any of these.
  case noWords([String])

  /// One sentence that names the file and the way out.
  public var description: String {
    switch self {
    case .missing(let path):
      "There is no file or folder '\(path)'; name one that holds plain text."
    case .unreadable(let path):
      "'\(path)' cannot be read; name a file or folder that this user may read."
    case .notText(let path):
      "'\(path)' is not plain text; name a text file (compressed ones must be unpacked first)."
    case .noWords(let paths):
      "There is no plain text with words in \(paths.map { "'\($0)'" }.joined(separator: ", "));"
        + " name a file or folder that has some."
    }
  }
}

/// Collects plain text from files and folders, in order of name, up to a number of bytes.
public struct TextReader {
  /// Enough for some hundred thousand words, little enough to be counted many times in a run.
  public static let usualLimit = 4 << 20

  private let limit: Int
  private var bytes: [UInt8] = []
  private var files = 0
  private var unreadable = 0

  private init(limit: Int) { self.limit = limit }

  /// Reads the files named, and all plain text below the folders named.
  ///
  /// Below a folder, hidden files, links and files that are not text are skipped, and unreadable ones are
  /// counted; a file that was *named* must be readable text.
  public static func read(_ paths: [String], limit: Int = usualLimit) throws(TextError) -> Text {
    var reader = TextReader(limit: limit)
    for path in paths { try reader.read(named: path) }
    let text = Text(reader.bytes, files: reader.files, unreadable: reader.unreadable)
    guard text.bytes.contains(where: Text.isLetter) else { throw .noWords(paths) }
    return text
  }

  /// Reads the text that the machine has: its licences and documentation, or else what is in the current
  /// folder (a project's own sources).
  public static func readUsual(limit: Int = usualLimit) throws(TextError) -> Text {
    let documentation = ["/usr/share/common-licenses", "/usr/share/doc"].filter(isFolder)
    if let text = try? read(documentation, limit: limit), text.bytes.count >= 64 << 10 {
      return text
    }
    return try read(documentation + ["."], limit: limit)
  }

  private mutating func read(named path: String) throws(TextError) {
    guard FileManager.default.fileExists(atPath: path) else { throw .missing(path) }
    if TextReader.isFolder(path) {
      guard readFolder(path) else { throw .unreadable(path) }
    } else {
      switch readFile(path) {
      case .text: break
      case .other: throw .notText(path)
      case .unreadable: throw .unreadable(path)
      }
    }
  }

  /// False if the folder itself cannot be listed.
  private mutating func readFolder(_ path: String) -> Bool {
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: path) else {
      return false
    }
    for name in names.sorted() where !name.hasPrefix(".") && bytes.count < limit {
      let entry = path + "/" + name
      let type = try? FileManager.default.attributesOfItem(atPath: entry)[.type]
      switch type as? FileAttributeType {
      case .typeDirectory: if !readFolder(entry) { unreadable += 1 }
      case .typeRegular: if readFile(entry) == .unreadable { unreadable += 1 }
      default: break
      }
    }
    return true
  }

  private enum Content { case text, other, unreadable }

  private mutating func readFile(_ path: String) -> Content {
    guard let file = FileHandle(forReadingAtPath: path) else { return .unreadable }
    defer { try? file.close() }
    do {
      let head = try file.read(upToCount: 8192) ?? Data()
      guard TextReader.isText(head) else { return .other }
      let rest = try file.read(upToCount: max(0, limit - bytes.count - head.count)) ?? Data()
      bytes += head
      bytes += rest
      bytes.append(UInt8(ascii: "\n"))
      files += 1
      return .text
    } catch {
      return .unreadable
    }
  }

  private static func isFolder(_ path: String) -> Bool {
    var isFolder: ObjCBool = false
    // SAFETY: the pointer is to a local that outlives the call.
    return unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
      && isFolder.boolValue
  }

  /// Text has no control characters but white space and escapes: those give away compressed and
  /// binary files, whatever the encoding of a text may be.
  private static func isText(_ head: Data) -> Bool {
    head.allSatisfy { $0 >= 0x20 || (0x08...0x0D).contains($0) || $0 == 0x1B }
  }
}
