/// The states seen, by key, each with a number of the search's own.
///
/// Open addressing, in parts that grow one by one and by a quarter: a search may have 10^8 states, and one
/// table that doubles takes three times its size while it does so.
///
/// 96 bits of a key are kept. But keys are made of 64-bit hashes of the memory and of each CPU, so two states
/// that differ in only one of these are told apart by 64 bits: with 10^7 different memories, the chance that
/// any two are taken for one, and something is missed for it, is about 3 in 10^6.
@safe struct StateTable {
  fileprivate struct Slot: BitwiseCopyable {
    var low: UInt64
    var high: UInt32
    var number: UInt32
  }

  /// States whose keys end in the same bits.
  @safe fileprivate struct Part {
    var slots: UnsafeMutablePointer<Slot>
    var capacity: Int
    var count = 0

    init(capacity: Int) {
      self.capacity = capacity
      // Plain bytes; freed by `deallocate`, moved by `grow`.
      unsafe slots = .allocate(capacity: capacity)
      unsafe slots.initialize(repeating: Slot(low: 0, high: 0, number: 0), count: capacity)
    }

    func deallocate() { unsafe slots.deallocate() }

    /// Where a key belongs if nothing is in its way: keys are spread evenly, so the share of all keys that
    /// are less is the share of the slots before.
    private func home(of low: UInt64) -> Int {
      Int(truncatingIfNeeded: low.multipliedFullWidth(by: UInt64(capacity)).high)
    }

    /// The slot of a key, or the free one for it.
    ///
    /// There is one: `grow` keeps a fifth free.
    func find(_ low: UInt64, _ high: UInt32) -> Int {
      var index = home(of: low)
      // Inside the part: a home is below the capacity, and behind the last slot comes the first.
      while unsafe slots[index].number != 0 {
        if unsafe slots[index].low == low && slots[index].high == high { return index }
        index += 1
        if index == capacity { index = 0 }
      }
      return index
    }

    mutating func grow() {
      var larger = Part(capacity: capacity + capacity / 4)
      for index in 0..<capacity {
        // Inside both parts: below the capacity of this one, and found in the other one.
        let slot = unsafe slots[index]
        guard slot.number != 0 else { continue }
        unsafe larger.slots[larger.find(slot.low, slot.high)] = slot
      }
      larger.count = count
      deallocate()
      self = larger
    }
  }

  private static let partBits = 6
  private var parts: [Part]

  /// How many states there are.
  var count: Int { parts.reduce(0) { $0 + $1.count } }

  /// 0 in a slot says that it is free, so numbers begin at 1.
  init() {
    parts = (0..<1 << Self.partBits).map { _ in Part(capacity: 256) }
  }

  func deallocate() {
    for part in parts { part.deallocate() }
  }

  /// The slot of a key, new with number 0 if it was not there.
  ///
  /// Valid until the next call.
  mutating func find(_ key: StateKey) -> Int {
    // The first bits say where in its part a key is, so the last ones choose the part.
    let (part, _) = Self.place(Int(truncatingIfNeeded: key.low))
    if parts[part].count &* 5 > parts[part].capacity &* 4 { parts[part].grow() }
    let high = UInt32(truncatingIfNeeded: key.high)
    let index = parts[part].find(key.low, high)
    // Inside the part: it was found there.
    unsafe parts[part].slots[index].low = key.low
    unsafe parts[part].slots[index].high = high
    return index << Self.partBits | part
  }

  /// A state whose number is not 0 has been seen; setting the number for the first time counts the state.
  subscript(_ slot: Int) -> UInt32 {
    // Contract of both: `find` returned the slot, so that it is inside its part.
    get {
      let (part, index) = Self.place(slot)
      return unsafe parts[part].slots[index].number
    }
    set {
      let (part, index) = Self.place(slot)
      if unsafe parts[part].slots[index].number == 0 { parts[part].count += 1 }
      unsafe parts[part].slots[index].number = newValue
    }
  }

  private static func place(_ slot: Int) -> (part: Int, index: Int) {
    (slot & (1 << partBits - 1), slot >> partBits)
  }
}
