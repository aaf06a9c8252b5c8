import Runs
import Tidelock

/// The load under which protocols are compared: threads that take a few locks for a moment each, now
/// and then two at a time, and watch their own progress.
package final class ProbedLoad: Sendable {
  /// What a worker leaves.
  package struct Findings: Sendable {
    /// How many sections of each lock it has been in, kept by itself alone.
    package var sections: [Int]
    package var gaps: Gaps

    /// Of a worker that has found this.
    package init(sections: [Int], gaps: Gaps) {
      self.sections = sections
      self.gaps = gaps
    }
  }

  /// A lock and what it guards: a generator that each section takes some steps on.
  ///
  /// Two sections at a time would lose some, and it would never stand again where it should.
  private struct Lane: ~Copyable {
    let generator = Mutex(Generator())
    // Two locks never share a cache line.
    private let padding = InlineArray<16, UInt64>(repeating: 0)
  }

  package static let locks = 16
  private static let stepsInside = 8
  /// Some microseconds: locks that threads do little but take would be one queue, whoever switches.
  private static let usualRoundsOutside = 2500
  /// One time in so many a second lock is taken inside the first.
  private static let nesting: UInt64 = 8

  private let lanes: InlineArray<16, Lane> = InlineArray { _ in Lane() }
  let windows = GapWindows()
  /// How many of the locks are taken, and what a thread does in between.
  private let locksInUse: UInt64
  private let roundsOutside: Int

  /// Locks that nobody has taken yet.
  package init() {
    locksInUse = UInt64(Self.locks)
    roundsOutside = Self.usualRoundsOutside
  }

  /// Fewer of them, and other work in between: some rounds, each of about a nanosecond.
  package init(locks: Int, roundsOutside: Int) {
    precondition(1...Self.locks ~= locks, "there are not as many locks")
    locksInUse = UInt64(locks)
    self.roundsOutside = roundsOutside
  }

  /// Takes locks until told to stop.
  func work(_ progress: WorkerProgress) -> Findings {
    var sections = Array(repeating: 0, count: Self.locks)
    var probe = GapProbe(windows)
    var random = Generator(seed: GapProbe.now)
    var work = GapProbe.now | 1
    var operations = 0
    // It never becomes 0; looking keeps it from being left out.
    while !progress.mustStop, work != 0 {
      let first = random.below(locksInUse), second = random.below(locksInUse)
      // In order, so that nobody waits for each other.
      if first < second, random.below(Self.nesting) == 0 {
        lanes[first].generator.withLock { generator in
          generator.advance(Self.stepsInside)
          enter(second)
        }
        sections[second] += 1
        operations += 1
      } else {
        enter(first)
      }
      sections[first] += 1
      operations += 1
      work = Self.scrambled(work, rounds: roundsOutside)
      progress.publish(operations)
      probe.step()
    }
    return Findings(sections: sections, gaps: probe.gaps)
  }

  /// Marsaglia's xorshift, which no compiler shortens.
  @inline(never)
  private static func scrambled(_ value: UInt64, rounds: Int) -> UInt64 {
    var value = value
    for _ in 0..<rounds {
      value ^= value << 13
      value ^= value >> 7
      value ^= value << 17
    }
    return value
  }

  @inline(__always)
  private func enter(_ lane: Int) {
    lanes[lane].generator.withLock { $0.advance(Self.stepsInside) }
  }

  /// Whether every lock's generator stands where as many sections as the workers count lead it.
  ///
  /// All workers must have ended.
  package func isComplete(_ findings: [Findings]) -> Bool {
    (0..<Self.locks).allSatisfy { lane in
      let sections = findings.reduce(0) { $0 + $1.sections[lane] }
      return lanes[lane].generator.withLock { $0 }
        == Generator().jumped(UInt64(sections * Self.stepsInside))
    }
  }
}

/// A linear congruential generator (Knuth's MMIX): each state once in 2^64 steps.
package struct Generator: Equatable, Sendable {
  private static let factor: UInt64 = 6_364_136_223_846_793_005
  private static let increment: UInt64 = 1_442_695_040_888_963_407

  private var state: UInt64

  package init(seed: UInt64 = 0) { state = seed }

  @inline(__always)
  package mutating func advance(_ steps: Int) {
    for _ in 0..<steps { state = state &* Self.factor &+ Self.increment }
  }

  /// A number below a small one.
  @inline(__always)
  mutating func below(_ limit: UInt64) -> Int {
    advance(1)
    return Int(truncatingIfNeeded: (state >> 32) &* limit >> 32)
  }

  /// Where it stands after so many steps, found in as many doublings as the number has bits.
  package func jumped(_ steps: UInt64) -> Generator {
    // n steps are state * factor + increment, with these; two such maps compose to a third.
    var (factor, increment) = (Self.factor, Self.increment)
    var state = state
    var left = steps
    while left > 0 {
      if left & 1 == 1 { state = state &* factor &+ increment }
      increment = increment &* (factor &+ 1)
      factor = factor &* factor
      left >>= 1
    }
    return Generator(seed: state)
  }
}
