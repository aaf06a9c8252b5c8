/// The last 64 decisions.
///
/// Those in a row that are alike are one entry, which shows the last of them. The entries lie in memory
/// that is lent to the log: 4 KB are nothing to put on a kernel's stack.
@safe public struct DecisionLog {
  /// Decisions that are alike.
  @frozen public struct Entry: Sendable, BitwiseCopyable {
    /// The last of them.
    public package(set) var decision: Decision
    /// When the first of them was taken.
    package var since: UInt64
    /// How many there are.
    public package(set) var count: UInt32
  }

  /// How many entries are kept.
  package static let capacity = 64

  /// How many bytes of memory they need, aligned to 16.
  package static var byteCount: Int { capacity * MemoryLayout<Entry>.stride }

  private let entries: UnsafeMutablePointer<Entry>
  private var next = 0

  /// How many entries there are.
  package private(set) var count = 0

  /// An empty log.
  ///
  /// Contract: ``byteCount`` bytes at `memory`, aligned to 16, are this log's alone as long as it or a
  /// copy of it is in use. They need not hold anything.
  @unsafe package init(in memory: UnsafeMutableRawPointer) {
    unsafe entries = memory.bindMemory(to: Entry.self, capacity: Self.capacity)
  }

  /// An entry; 0 is the oldest.
  ///
  /// Nil if there are not as many.
  package subscript(_ index: Int) -> Entry? {
    guard index >= 0, index < count else { return nil }
    // SAFETY: one of the entries that were written, by the contract of `init`.
    return unsafe entries[(next + Self.capacity - count + index) % Self.capacity]
  }

  /// Adds a decision.
  package mutating func add(_ decision: Decision) {
    let last = (next + Self.capacity - 1) % Self.capacity
    // SAFETY, here and below: an index below the capacity, by the contract of `init`; entries are
    // trivial, so that writing one needs nothing before it, and only written ones are read.
    if count > 0, unsafe entries[last].decision.isLike(decision) {
      let (count, overflow) = unsafe entries[last].count.addingReportingOverflow(1)
      unsafe entries[last].decision = decision
      unsafe entries[last].count = overflow ? .max : count
      return
    }
    unsafe entries[next] = Entry(decision: decision, since: decision.time, count: 1)
    next = (next + 1) % Self.capacity
    count = min(count + 1, Self.capacity)
  }
}
