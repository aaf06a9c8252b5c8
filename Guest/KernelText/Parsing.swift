/// A line that was written into a file of sysfs, without the line feed at its end.
@safe public struct Line {
  private let text: UnsafePointer<UInt8>
  private let count: Int

  /// Contract: `size` bytes at `text` are readable for as long as the line is used.
  @unsafe public init(_ text: UnsafePointer<UInt8>, _ size: Int) {
    unsafe self.text = text
    count = unsafe size > 0 && text[size - 1] == 10 ? size - 1 : size
  }

  /// Whether the line is exactly this word.
  public func equals(_ word: StaticString) -> Bool {
    guard count == word.utf8CodeUnitCount else { return false }
    for index in 0..<count {
      // In bounds of both by the line above.
      guard unsafe text[index] == word.utf8Start[index] else { return false }
    }
    return true
  }

  /// The line as a decimal number; nil if it is none or too great for 32 bits.
  public var decimal: UInt64? {
    guard count > 0, count < 10 else { return nil }
    var value: UInt64 = 0
    for index in 0..<count {
      let digit = unsafe text[index] &- 48
      guard digit < 10 else { return nil }
      value = value &* 10 &+ UInt64(digit)
    }
    return value
  }
}
