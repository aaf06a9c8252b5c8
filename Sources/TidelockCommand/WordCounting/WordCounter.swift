import Runs
import Tidelock

/// What the workers share: the tables of words and the queue of chunks, each under a lock.
///
/// There are few locks and every occurrence of a word takes one of them for some ten nanoseconds:
/// the load that tells spinlocks apart.
public final class WordCounter: Sendable {
  /// Padded so that two locks never share a cache line.
  struct Shard: ~Copyable {
    let table: Mutex<WordTable>
    private let padding = InlineArray<16, UInt64>(repeating: 0)

    init(differentWords: Int) { table = Mutex(WordTable(differentWords: differentWords)) }
  }

  /// The position in the queue: the text is counted over and over.
  package struct Queue {
    var next = 0
    package var taken = 0
  }

  /// What is counted.
  public let text: Text
  let chunks: [Range<Int>]
  /// Each word has its shard: the first bit of its hash.
  let shards: InlineArray<2, Shard>
  package let queue = Mutex(Queue())

  /// How many words one pass over the text has.
  public let words: Int
  /// How many of them are different.
  public let differentWords: Int

  /// Makes empty tables for the words of a text.
  public init(_ text: Text, chunkSize: Int = 16 << 10) {
    self.text = text
    chunks = text.chunks(of: chunkSize)
    var different: Set<Word> = []
    var words = 0
    var position = 0
    let bytes = text.bytes.span
    while let word = bytes.nextWord(at: &position, end: bytes.count) {
      words += 1
      different.insert(word)
    }
    self.words = words
    let size = different.count
    differentWords = size
    shards = InlineArray { _ in Shard(differentWords: size) }
  }

  /// Counts words until told to stop, and returns exactly what was counted.
  ///
  /// Runs on the calling thread, which shares nothing but what is under the locks.
  public func work(_ progress: WorkerProgress) -> Tally {
    var tally = Tally(chunks: chunks.count)
    let text = self.text.bytes
    let bytes = text.span
    var counted = 0
    while true {
      let chunk = queue.withLock { queue in
        let chunk = queue.next
        queue.next = chunk + 1 == chunks.count ? 0 : chunk + 1
        queue.taken += 1
        return chunk
      }
      tally.taken += 1
      var position = chunks[chunk].lowerBound
      let end = chunks[chunk].upperBound
      let before = counted
      while !progress.mustStop, let word = bytes.nextWord(at: &position, end: end) {
        add(1, to: word)
        counted &+= 1
        progress.publish(counted)
      }
      if progress.mustStop {
        tally.begun = Tally.Begun(chunk: chunk, words: counted - before)
        return tally
      }
      tally.completions[chunk] += 1
    }
  }

  @inline(__always)
  package func add(_ times: Int, to word: Word) {
    shards[Int(truncatingIfNeeded: word.hash >> 63)].table.withLock { $0.add(times, to: word) }
  }
}
