/// A hash table from word to count, open addressing; one shard of the shared tables.
///
/// It is made for all words that can occur and never grows: nothing is allocated under the lock.
struct WordTable {
  private struct Slot {
    /// Zero while the slot is free.
    var hash: UInt64 = 0
    var count = 0
  }

  private var slots: [Slot]
  private let mask: Int

  /// Room for that many different words at a load of a half at most.
  init(differentWords: Int) {
    var size = 16
    while size < 2 * differentWords { size *= 2 }
    slots = Array(repeating: Slot(), count: size)
    mask = size - 1
  }

  /// Adds to the count of a word, which enters the table on its first occurrence.
  @inline(__always)
  mutating func add(_ times: Int, to word: Word) {
    var index = Int(truncatingIfNeeded: word.hash) & mask
    while slots[index].hash != word.hash, slots[index].hash != 0 { index = (index &+ 1) & mask }
    slots[index].hash = word.hash
    slots[index].count &+= times
  }

  /// Calls `body` with the hash of each word in the table and its count.
  func forEach(_ body: (UInt64, Int) -> Void) {
    for slot in slots where slot.hash != 0 { body(slot.hash, slot.count) }
  }
}
