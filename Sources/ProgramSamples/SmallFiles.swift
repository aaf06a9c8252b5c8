import Glibc

/// Files as the kernel shows them, read without Foundation.
enum SmallFiles {
  /// The beginning of a file, as much as anybody here looks at; nil if it cannot be read.
  static func text(_ path: String) -> String? {
    withContent(path) { content in
      var text = ""
      text.reserveCapacity(content.byteCount)
      for index in 0..<content.byteCount {
        // In bounds; any bits are a byte. What is here is ASCII.
        let byte = unsafe content.unsafeLoad(fromByteOffset: index, as: UInt8.self)
        text.unicodeScalars.append(Unicode.Scalar(byte))
      }
      return text
    }
  }

  /// The two numbers that a file begins with.
  static func twoNumbers(_ path: String) -> (Int64, Int64)? {
    withContent(path) { content in
      var index = 0
      func number() -> Int64? {
        var value: Int64?
        while index < content.byteCount {
          // In bounds; any bits are a byte.
          let byte = unsafe content.unsafeLoad(fromByteOffset: index, as: UInt8.self)
          index += 1
          guard 48...57 ~= byte else { return value }
          value = (value ?? 0) &* 10 &+ Int64(byte - 48)
        }
        return value
      }
      guard let first = number(), let second = number() else { return nil }
      return (first, second)
    } ?? nil
  }

  /// The numbers among the names in a folder; nil if it cannot be read.
  static func numbers(in folder: String) -> [Int]? {
    // A C string for the time of the call; the stream is ours until it is closed.
    guard let stream = unsafe opendir(folder) else { return nil }
    defer { unsafe closedir(stream) }
    var numbers: [Int] = []
    while let entry = unsafe readdir(stream) {
      var number: Int?
      // Terminated, by contract of readdir, within its 256 bytes.
      let isNumber = unsafe withUnsafeBytes(of: entry.pointee.d_name) { name in
        for index in 0..<name.count {
          let byte = unsafe name[index]
          if byte == 0 { return true }
          guard 48...57 ~= byte else { return false }
          number = (number ?? 0) &* 10 &+ Int(byte - 48)
        }
        return false
      }
      if isNumber, let number { numbers.append(number) }
    }
    return numbers
  }

  private static func withContent<Result>(_ path: String, _ body: (RawSpan) -> Result) -> Result? {
    // A C string for the time of the call.
    let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    // Not everything of /proc/stat, whose first line is all that is wanted.
    return unsafe withUnsafeTemporaryAllocation(byteCount: 2048, alignment: 16) { buffer in
      var count = 0
      while count < buffer.count {
        // Within the buffer.
        let got = unsafe read(
          file, buffer.baseAddress.unsafelyUnwrapped + count, buffer.count - count)
        if got < 0, errno == EINTR { continue }
        guard got >= 0 else { return nil }
        if got == 0 { break }
        count += got
      }
      // As much as has been read, for as long as the closure runs.
      return body(unsafe UnsafeRawBufferPointer(rebasing: buffer[..<count]).bytes)
    }
  }
}
