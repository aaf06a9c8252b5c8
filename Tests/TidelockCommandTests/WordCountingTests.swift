import Foundation
import Runs
import Testing
import Tidelock
import TidelockCommand

/// Text as it is found: this project's own files, and what ASCII does not have.
private let realText: Text = {
  let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().path
  let paths = ["LICENSE", "Sources", "Tests"].map { package + "/" + $0 }
  let project = (try? TextReader.read(paths, limit: 1 << 20))?.bytes ?? []
  return Text(project + Array(" Gezeiten-Schloß, ΑΒΓ don't x2y ".utf8))
}()

@Suite struct WordCountingTests {
  @Test func scannerFindsTheWordsThatSplittingFinds() {
    #expect(realText.bytes.count > 50_000)
    let letters = Set(UInt8(ascii: "a")...UInt8(ascii: "z")).union(0x80...0xFF)
    let reference = realText.bytes.split { !letters.contains($0) }.map { Word($0) }
    let text = realText.bytes
    let bytes = text.span
    var found: [Word] = []
    var position = 0
    while let word = bytes.nextWord(at: &position, end: bytes.count) { found.append(word) }
    #expect(found == reference)
  }

  @Test(arguments: [1, 7, 4096, 1 << 30])
  func chunksCoverTheTextAndCutNoWord(size: Int) {
    let chunks = realText.chunks(of: size)
    #expect(chunks.first?.lowerBound == 0)
    #expect(chunks.last?.upperBound == realText.bytes.count)
    for (one, next) in zip(chunks, chunks.dropFirst()) {
      #expect(one.upperBound == next.lowerBound)
      let isCut =
        Text.isLetter(realText.bytes[one.upperBound - 1])
        && Text.isLetter(realText.bytes[one.upperBound])
      #expect(!isCut)
    }
  }

  @Test func wordsOfDifferentFilesStayApart() {
    let counter = WordCounter(Text(Array("Tide tide\ntides".utf8)))
    #expect(counter.words == 3)
    #expect(counter.differentWords == 2)
  }

  /// Threads come and go in the middle of chunks, and the proof accounts for each word.
  @Test func crewCountsExactlyWhatItSaysItDid() throws {
    // Under native locks this may take minutes where other programs use the CPUs.
    try LockOperations.switch(to: .paravirtual)
    let counter = WordCounter(realText)
    let crew = WorkerCrew(counter.work)
    for size in [3, 6, 2] {
      try crew.resize(to: size)
      let target = crew.operations + 3 * counter.words / 2
      while crew.operations < target { sched_yield() }
    }
    let proof = counter.prove(crew.dismiss())
    #expect(proof.verified)
    #expect(proof.counted == crew.operations)
    #expect(proof.expected == proof.counted)
  }

  @Test func proofCatchesALostUpdate() throws {
    let counter = WordCounter(realText)
    let tally = countSome(counter)
    #expect(counter.prove([tally]).verified)
    counter.add(-1, to: Word(Array("the".utf8)))
    #expect(counter.prove([tally]).lostUpdates == 1)
    // A sum alone would not see this one.
    counter.add(1, to: Word(Array("a".utf8)))
    #expect(counter.prove([tally]).lostUpdates == 2)
    #expect(counter.prove([tally]).counted == counter.prove([tally]).expected)
  }

  @Test func proofCatchesALostChunk() throws {
    let counter = WordCounter(realText)
    let tally = countSome(counter)
    counter.queue.withLock { $0.taken -= 1 }
    #expect(counter.prove([tally]).lostUpdates == 1)
  }

  private func countSome(_ counter: WordCounter) -> Tally {
    let crew = WorkerCrew(counter.work)
    try? crew.resize(to: 1)
    while crew.operations < counter.words { sched_yield() }
    return crew.dismiss()[0]
  }
}
