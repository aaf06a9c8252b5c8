/// The memory of the model: bytes, which CPUs use them, and an incremental hash of them all.
///
/// Addresses are the model's own numbers, from `base` on, and not addresses of this process.
@safe struct ModelMemory {
  /// The lowest address.
  static let base: UInt64 = 0x1_0000

  private let bytes: UnsafeMutableRawPointer
  private let hash: Cells<UInt64>
  private let owners: [Sharing]
  let size: Int

  /// Contract: `size` bytes at `bytes`, and one hash cell, for as long as this is used.
  @unsafe init(
    _ bytes: UnsafeMutableRawPointer, hash: Cells<UInt64>, sharing: [Sharing]
  ) {
    unsafe self.bytes = bytes
    self.hash = hash
    owners = sharing
    size = sharing.count * 8
  }

  /// Sum over all words of a mix of place and content.
  var contentHash: UInt64 { hash[0] }

  /// Whether an access lies inside the memory and is aligned.
  func contains(_ address: UInt64, _ width: UInt8) -> Bool {
    address >= Self.base && address &- Self.base &+ UInt64(width) <= UInt64(size)
      && width > 0 && address % UInt64(width) == 0
  }

  func sharing(_ address: UInt64) -> Sharing { owners[Int((address &- Self.base) / 8)] }

  /// Contract, here and in `write`: `contains`.
  @inline(__always)
  func read(_ address: UInt64, _ width: UInt8) -> UInt64 {
    let word = unsafe (bytes + Int((address &- Self.base) & ~7)).load(as: UInt64.self)
    return word >> ((address & 7) &* 8) & Self.mask(width)
  }

  @inline(__always)
  func write(_ value: UInt64, _ address: UInt64, _ width: UInt8) {
    let place = Int((address &- Self.base) & ~7)
    let shift = (address & 7) &* 8
    // Inside, by contract.
    let old = unsafe (bytes + place).load(as: UInt64.self)
    let new = old & ~(Self.mask(width) << shift) | (value & Self.mask(width)) << shift
    unsafe (bytes + place).storeBytes(of: new, as: UInt64.self)
    hash[0] = hash[0] &- Self.mix(place, old) &+ Self.mix(place, new)
  }

  @inline(__always)
  static func mask(_ width: UInt8) -> UInt64 {
    width >= 8 ? .max : (1 << (UInt64(width) &* 8)) &- 1
  }

  /// 0 for a word that holds 0.
  @inline(__always)
  private static func mix(_ place: Int, _ value: UInt64) -> UInt64 {
    Hash.mix(
      value, 0x9e37_79b9_7f4a_7c15 &+ UInt64(truncatingIfNeeded: place) &* 0xd6e8_feb8_6659_fd93)
      &- Hash.mix(
        0, 0x9e37_79b9_7f4a_7c15 &+ UInt64(truncatingIfNeeded: place) &* 0xd6e8_feb8_6659_fd93)
  }
}

/// Which CPUs may use a word of the model, so that accesses that no other CPU can observe need no
/// scheduling.
///
/// It is checked: an access that breaks it is a failure of the model.
public enum Sharing: Equatable, Sendable {
  /// All CPUs.
  case shared
  /// One CPU, interrupts on it included.
  case owned(by: Int)
  /// All CPUs read, one writes.
  case written(by: Int)
  /// The model's own book-keeping, not memory of the machine: accesses are instantaneous and bypass store
  /// buffers.
  case ghost
}

/// Hashing of plain bytes.
enum Hash {
  /// Both halves of a product, folded.
  @inline(__always)
  static func mix(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let product = (a ^ 0x2d35_8dcc_aa6c_78a5).multipliedFullWidth(by: b ^ 0x8bb8_4b93_962e_acc9)
    return product.high ^ product.low
  }
}
