/// A word, known by the 64-bit hash of its bytes.
///
/// Two words of one hash would count as one, in the tables and in the proof alike; among a
/// million different words that happens once in some forty million texts.
package struct Word: Hashable {
  /// Never zero, so that zero can stand for a free slot.
  package let hash: UInt64

  /// FNV-1a over the bytes of a word.
  package init(_ bytes: some Sequence<UInt8>) {
    hash = Word.finish(bytes.reduce(Word.start, Word.step))
  }

  fileprivate init(finished hash: UInt64) { self.hash = hash }

  fileprivate static let start: UInt64 = 0xcbf2_9ce4_8422_2325

  @inline(__always)
  fileprivate static func step(_ hash: UInt64, _ byte: UInt8) -> UInt64 {
    (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3
  }

  /// Mixes FNV's high bits into the low bits, which a table uses.
  @inline(__always)
  fileprivate static func finish(_ hash: UInt64) -> UInt64 { max(1, hash ^ (hash >> 29)) }
}

extension Span<UInt8> {
  /// The next word at or after `position` and before `end`; moves `position` behind it.
  ///
  /// Hashes while it looks for the word's end, so that each byte is read once.
  @inline(__always)
  package func nextWord(at position: inout Int, end: Int) -> Word? {
    while position < end, !Text.isLetter(self[position]) { position &+= 1 }
    guard position < end else { return nil }
    var hash = Word.start
    while position < end, Text.isLetter(self[position]) {
      hash = Word.step(hash, self[position])
      position &+= 1
    }
    return Word(finished: Word.finish(hash))
  }
}
