/// Text written into memory that somebody else owns: a sysfs page, a log line.
///
/// What does not fit is left out; nothing is allocated.
@safe public struct TextBuffer: ~Copyable {
  private let memory: UnsafeMutablePointer<UInt8>
  private let capacity: Int
  /// How many bytes have been written.
  public private(set) var count = 0

  /// Contract: `capacity` bytes at `memory` are writable for as long as the buffer is used.
  @unsafe public init(_ memory: UnsafeMutablePointer<UInt8>, capacity: Int) {
    unsafe self.memory = memory
    self.capacity = capacity
  }

  /// Writes one byte.
  public mutating func write(byte: UInt8) {
    guard count < capacity else { return }
    // In bounds by the line above.
    unsafe memory[count] = byte
    count += 1
  }

  /// Takes back the last byte, if there is one.
  public mutating func removeLast() {
    if count > 0 { count -= 1 }
  }

  /// Takes back everything.
  public mutating func removeAll() { count = 0 }

  /// Writes text.
  public mutating func write(_ text: StaticString) {
    for index in 0..<text.utf8CodeUnitCount {
      // Static strings here are pointers, never single scalars.
      unsafe write(byte: text.utf8Start[index])
    }
  }

  /// Writes a C string.
  ///
  /// Contract: it ends with a zero byte.
  @unsafe public mutating func write(cString: UnsafePointer<UInt8>) {
    var index = 0
    while unsafe cString[index] != 0 {
      unsafe write(byte: cString[index])
      index += 1
    }
  }

  /// Writes a number.
  public mutating func write(decimal value: UInt64) {
    var divisor: UInt64 = 1
    while value / divisor >= 10 { divisor *= 10 }
    while divisor > 0 {
      write(byte: UInt8(truncatingIfNeeded: value / divisor % 10) + 48)
      divisor /= 10
    }
  }

  /// Writes a number that is not negative.
  public mutating func write(decimal value: Int) { write(decimal: UInt64(value)) }

  /// Writes the lower digits of a number, leading zeros included.
  public mutating func write(hex value: UInt64, digits: Int) {
    for index in 0..<digits {
      let digit = UInt8(truncatingIfNeeded: value >> UInt64(4 * (digits - 1 - index))) & 15
      write(byte: digit < 10 ? digit + 48 : digit + 87)
    }
  }

  /// Writes bytes of code, packed little-endian, in the order of their addresses.
  public mutating func write(code: UInt64, count: Int) {
    for index in 0..<count {
      if index > 0 { write(byte: 32) }
      write(hex: code >> UInt64(8 * index) & 0xff, digits: 2)
    }
  }
}
