import LockPlatform
import ModelChecker
import Synchronization
import Testing

// The litmus tests of the x86-TSO papers (Owens, Sarkar, Sewell; Sewell et al., CACM 2010): two
// words x and y, four registers; each test names every outcome that must be seen, and so by
// omission those that must not.

private typealias Body = @convention(c) (UInt32) -> Void

private let x = unsafe Location<UInt64>(address: 0x1_0000)
private let y = unsafe Location<UInt64>(address: 0x1_0008)
private func register(_ index: Int) -> Location<UInt64> {
  unsafe Location(address: 0x1_0010 + UInt(index) * 8)
}

private func set(_ word: Location<UInt64>, _ value: UInt64) {
  Simulated.store(value, to: word, .relaxed)
}

private func get(_ word: Location<UInt64>, _ index: Int) {
  Simulated.store(Simulated.load(word, .relaxed), to: register(index), .relaxed)
}

/// The contents of `words` at the end of each schedule.
private func outcomes(
  _ model: MemoryModel, _ bodies: [Body], words: [UInt] = [0x1_0010, 0x1_0018, 0x1_0020, 0x1_0028],
  of count: Int = 2
) throws -> Set<[UInt64]> {
  var layout = WordLayout()
  for name in ["x", "y"] { _ = layout.add(name) }
  for index in 0..<4 { _ = layout.add("r\(index)", .ghost) }
  let seen = Mutex<Set<[UInt64]>>([])
  let program = ModelProgram(
    name: "litmus", cpus: bodies.map { CPUProgram($0) }, memoryModel: model, layout: layout,
    atEnd: { memory in
      seen.withLock { _ = $0.insert(words.prefix(count).map { memory.read($0) }) }
      return nil
    })
  let exploration = Exhaustive.explore(program)
  #expect(exploration.verdict == .holds)
  return seen.withLock { $0 }
}

@Suite(.serialized) struct LitmusTests {
  static let both = MemoryModel.allCases

  /// Store buffering: the one thing TSO allows and SC does not.
  @Test func storeBuffering() throws {
    let bodies: [Body] = [
      { _ in
        set(x, 1)
        get(y, 0)
      },
      { _ in
        set(y, 1)
        get(x, 1)
      },
    ]
    #expect(try outcomes(.sequentialConsistency, bodies) == [[0, 1], [1, 0], [1, 1]])
    #expect(try outcomes(.totalStoreOrder, bodies) == [[0, 0], [0, 1], [1, 0], [1, 1]])
  }

  @Test(arguments: both) func storeBufferingWithFences(model: MemoryModel) throws {
    let bodies: [Body] = [
      { _ in
        set(x, 1)
        Simulated.fence()
        get(y, 0)
      },
      { _ in
        set(y, 1)
        Simulated.fence()
        get(x, 1)
      },
    ]
    #expect(try outcomes(model, bodies) == [[0, 1], [1, 0], [1, 1]])
  }

  @Test(arguments: both) func storeBufferingWithLockedInstructions(model: MemoryModel) throws {
    let bodies: [Body] = [
      { _ in
        _ = Simulated.exchange(1, at: x, .relaxed)
        get(y, 0)
      },
      { _ in
        _ = Simulated.exchange(1, at: y, .relaxed)
        get(x, 1)
      },
    ]
    #expect(try outcomes(model, bodies) == [[0, 1], [1, 0], [1, 1]])
  }

  /// One fence is not enough.
  @Test func storeBufferingWithOneFence() throws {
    let bodies: [Body] = [
      { _ in
        set(x, 1)
        Simulated.fence()
        get(y, 0)
      },
      { _ in
        set(y, 1)
        get(x, 1)
      },
    ]
    #expect(try outcomes(.totalStoreOrder, bodies) == [[0, 0], [0, 1], [1, 0], [1, 1]])
  }

  /// But a barrier that the other makes one execute is (membarrier), with none of its own.
  @Test(arguments: both) func storeBufferingWithBarrierOnTheOther(model: MemoryModel) throws {
    let bodies: [Body] = [
      { _ in
        set(x, 1)
        Simulated.fence()
        Simulated.barrier(on: 1)
        get(y, 0)
      },
      { _ in
        set(y, 1)
        get(x, 1)
      },
    ]
    #expect(try outcomes(model, bodies) == [[0, 1], [1, 0], [1, 1]])
  }

  /// Message passing: stores stay in order, loads stay in order.
  @Test(arguments: both) func messagePassing(model: MemoryModel) throws {
    let bodies: [Body] = [
      { _ in
        set(x, 1)
        set(y, 1)
      },
      { _ in
        get(y, 0)
        get(x, 1)
      },
    ]
    #expect(try outcomes(model, bodies) == [[0, 0], [0, 1], [1, 1]])
  }

  /// Load buffering: a load is not passed by a later store.
  @Test(arguments: both) func loadBuffering(model: MemoryModel) throws {
    let bodies: [Body] = [
      { _ in
        get(x, 0)
        set(y, 1)
      },
      { _ in
        get(y, 1)
        set(x, 1)
      },
    ]
    #expect(try outcomes(model, bodies) == [[0, 0], [0, 1], [1, 0]])
  }

  /// Independent reads of independent writes: all see stores in one order.
  @Test(arguments: both) func independentReads(model: MemoryModel) throws {
    let bodies: [Body] = [
      { _ in set(x, 1) }, { _ in set(y, 1) },
      { _ in
        get(x, 0)
        get(y, 1)
      },
      { _ in
        get(y, 2)
        get(x, 3)
      },
    ]
    let seen = try outcomes(model, bodies, of: 4)
    #expect(seen.count == 15)
    #expect(!seen.contains([1, 0, 1, 0]))
  }

  /// 2+2W: who writes x first here writes y first there.
  @Test(arguments: both) func twoPlusTwoWrites(model: MemoryModel) throws {
    let bodies: [Body] = [
      { _ in
        set(x, 1)
        set(y, 2)
      },
      { _ in
        set(y, 1)
        set(x, 2)
      },
    ]
    #expect(
      try outcomes(model, bodies, words: [0x1_0000, 0x1_0008]) == [[2, 2], [1, 2], [2, 1]])
  }

  /// A CPU sees its own store before others do (n6 of the x86-TSO papers).
  @Test func forwarding() throws {
    let bodies: [Body] = [
      { _ in
        set(x, 1)
        get(x, 0)
        get(y, 1)
      },
      { _ in
        set(y, 2)
        set(x, 2)
      },
    ]
    let words: [UInt] = [0x1_0000, 0x1_0010, 0x1_0018]
    #expect(try outcomes(.totalStoreOrder, bodies, words: words, of: 3).contains([1, 1, 0]))
    #expect(try !outcomes(.sequentialConsistency, bodies, words: words, of: 3).contains([1, 1, 0]))
    // The store may also be in memory, and overwritten, by the time of the load.
    #expect(try outcomes(.totalStoreOrder, bodies, words: words, of: 3).contains([2, 2, 2]))
  }
}
