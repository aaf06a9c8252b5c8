/// The states seen, by key, each with a number of the search's own.
///
/// Open addressing. 96 bits of a key are kept, but what keys are made of are 64-bit hashes of the
/// memory and of each CPU, and two states that differ in one of these only are told apart by 64 bits:
/// with 10^7 different memories the chance that any two are taken for one, and something is missed
/// for it, is about 3 in 10^6.
@safe struct StateTable {
  private struct Slot: BitwiseCopyable {
    var low: UInt64
    var high: UInt32
    var number: UInt32
  }

  private var slots: UnsafeMutablePointer<Slot>
  private var capacity: Int
  private(set) var count = 0

  /// 0 in a slot says that it is free, so numbers begin at 1.
  init() {
    capacity = 1 << 14
    // Plain bytes; freed by `deallocate`, moved by `grow`.
    unsafe slots = Self.make(capacity)
  }

  func deallocate() { unsafe slots.deallocate() }

  private static func make(_ capacity: Int) -> UnsafeMutablePointer<Slot> {
    let slots = UnsafeMutablePointer<Slot>.allocate(capacity: capacity)
    unsafe slots.initialize(repeating: Slot(low: 0, high: 0, number: 0), count: capacity)
    return unsafe slots
  }

  /// The slot of a key, new with number 0 if it was not there.
  ///
  /// Valid until the next call.
  mutating func find(_ key: StateKey) -> Int {
    if count &* 10 > capacity &* 6 { grow() }
    let high = UInt32(truncatingIfNeeded: key.high)
    var index = Int(truncatingIfNeeded: key.low) & (capacity - 1)
    // Masked indices are inside the table, here and below.
    while unsafe slots[index].number != 0 {
      if unsafe slots[index].low == key.low && slots[index].high == high { return index }
      index = (index + 1) & (capacity - 1)
    }
    unsafe slots[index].low = key.low
    unsafe slots[index].high = high
    return index
  }

  /// Whose number is not 0 has been seen; setting a number the first time counts the state.
  subscript(_ slot: Int) -> UInt32 {
    get { unsafe slots[slot].number }
    set {
      if unsafe slots[slot].number == 0 { count += 1 }
      unsafe slots[slot].number = newValue
    }
  }

  private mutating func grow() {
    let old = unsafe slots
    let oldCapacity = capacity
    capacity *= 2
    unsafe slots = Self.make(capacity)
    for index in 0..<oldCapacity {
      let slot = unsafe old[index]
      guard slot.number != 0 else { continue }
      var place = Int(truncatingIfNeeded: slot.low) & (capacity - 1)
      while unsafe slots[place].number != 0 { place = (place + 1) & (capacity - 1) }
      unsafe slots[place] = slot
    }
    unsafe old.deallocate()
  }
}
