/// The machine code that pokes change.
public protocol CodeMemory {
  /// Reads `count` (at most 8) bytes of code, packed little-endian.
  static func loadCode(_ address: UInt, count: Int) -> UInt64

  /// Writes one aligned 8-byte word of code in one store. False if the write was refused, and then
  /// nothing was written.
  static func storeCodeWord(_ word: UInt64, at address: UInt) -> Bool

  /// Writes up to 8 bytes of code, one byte after the other or together. One byte is always one
  /// store. False if the write was refused, and then nothing was written.
  static func storeCode(_ bytes: UInt64, count: Int, at address: UInt) -> Bool

  /// Returns when every CPU has executed a core-serializing instruction since the call began, so
  /// that none of them executes code fetched before it (Intel SDM vol. 3A 9.1.3, AMD APM vol. 2
  /// 7.6.1). False if the machine refused.
  static func serializeCores() -> Bool
}
