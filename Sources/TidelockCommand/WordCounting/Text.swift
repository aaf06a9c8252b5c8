/// The text whose words are counted: the bytes of many files, ASCII letters in lower case.
///
/// A word is a longest run of ASCII letters and bytes of other scripts (UTF-8 above 0x7F).
public struct Text: Sendable {
  /// All bytes; files are separated by a line feed, so that no word spans two files.
  public let bytes: [UInt8]
  /// How many files the bytes come from.
  public let files: Int
  /// How many files below a named folder could not be read and were left out.
  public let unreadable: Int

  /// Takes bytes as they are read and folds ASCII capitals, so that counting compares plain bytes.
  public init(_ bytes: [UInt8], files: Int = 1, unreadable: Int = 0) {
    self.bytes = bytes.map { UInt8(ascii: "A")...UInt8(ascii: "Z") ~= $0 ? $0 | 0x20 : $0 }
    self.files = files
    self.unreadable = unreadable
  }

  /// Whether a byte belongs to a word; capitals have been folded before.
  @inline(__always)
  package static func isLetter(_ byte: UInt8) -> Bool {
    byte &- UInt8(ascii: "a") < 26 || byte >= 0x80
  }

  /// Cuts the text between words into pieces of about `size` bytes.
  package func chunks(of size: Int) -> [Range<Int>] {
    var chunks: [Range<Int>] = []
    var start = 0
    while start < bytes.count {
      var end = min(start + size, bytes.count)
      while end < bytes.count, Text.isLetter(bytes[end]) { end += 1 }
      chunks.append(start..<end)
      start = end
    }
    return chunks
  }
}
