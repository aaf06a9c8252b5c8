/// What one worker did, recorded by itself alone: the proof must not rest on the locks it tests.
public struct Tally: Sendable {
  /// A chunk that was left when the worker was told to stop.
  struct Begun {
    let chunk: Int
    /// How many of its words, from the first on, were counted.
    let words: Int
  }

  /// How often each chunk was counted from its first word to its last.
  var completions: [Int]
  var begun: Begun?
  /// How many chunks the worker took from the queue.
  var taken = 0

  init(chunks: Int) { completions = Array(repeating: 0, count: chunks) }
}
