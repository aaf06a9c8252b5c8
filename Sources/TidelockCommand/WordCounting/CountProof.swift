/// Whether the shared tables hold what a single thread counts in the same chunks.
public struct CountProof: Sendable, Equatable {
  /// Occurrences a single thread counted.
  public let expected: Int
  /// Occurrences in the shared tables.
  public let counted: Int
  /// Different words compared.
  public let words: Int
  /// The differences of all words and of the queue's own count, each taken as positive.
  public let lostUpdates: Int

  /// True if no count is too low or too high, word by word.
  public var verified: Bool { lostUpdates == 0 }
}

extension WordCounter {
  /// Counts again, on this thread alone, every chunk as often as the tallies say, and compares.
  ///
  /// All workers must have ended. Splitting and counting are the standard library's, so that a
  /// fault in the workers' own scanner or table shows as well.
  public func prove(_ tallies: [Tally]) -> CountProof {
    var difference: [UInt64: Int] = [:]
    var expected = 0
    func expect(_ times: Int, of chunk: Int, first limit: Int = .max) {
      guard times > 0 else { return }
      let words = text.bytes[chunks[chunk]].split { !Text.isLetter($0) }.prefix(limit)
      for word in words { difference[Word(word).hash, default: 0] += times }
      expected += times * words.count
    }
    for chunk in chunks.indices {
      expect(tallies.reduce(0) { $0 + $1.completions[chunk] }, of: chunk)
    }
    for tally in tallies {
      if let begun = tally.begun { expect(1, of: begun.chunk, first: begun.words) }
    }

    var counted = 0
    for shard in shards.indices {
      shards[shard].table.withLock { table in
        table.forEach { hash, count in
          difference[hash, default: 0] -= count
          counted += count
        }
      }
    }
    let taken = queue.withLock { $0.taken }
    let lostChunks = abs(tallies.reduce(0) { $0 + $1.taken } - taken)
    return CountProof(
      expected: expected, counted: counted, words: difference.count,
      lostUpdates: difference.values.reduce(lostChunks) { $0 + abs($1) })
  }
}
