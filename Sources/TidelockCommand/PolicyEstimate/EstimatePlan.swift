import CPUIdentification
import LockPlatform
import SwitchPolicy

/// What `tidelock policy estimate` goes through, as data.
package struct EstimatePlan: Sendable {
  /// What takes CPUs away from a program: threads of another one, on each CPU.
  package struct Competition: Equatable, Sendable {
    /// How many of them always want to run.
    package var always: Int
    /// For which share of the time one more does, in per mille.
    package var partly: Int

    /// As many as take this share from a thread that always wants to run, in per mille: below a half, one
    /// that runs for so long; from there on, equal shares.
    package init(taking share: Int) {
      guard share >= 500 else {
        (always, partly) = (0, max(share, 0))
        return
      }
      let share = min(share, 950)
      always = share / (1000 - share)
      // What is missing from another whole one.
      partly = share * 1000 / (1000 - share) - always * 1000
    }

    package init(always: Int, partly: Int) {
      self.always = always
      self.partly = partly
    }
  }

  /// How many rounds there are, in each of which every set is measured at every level.
  package let rounds: Int
  /// How long each set is measured each time, in seconds.
  package let slice: Double
  /// The CPUs that everybody runs on.
  package let cpus: [Int]
  /// How many threads take locks.
  package let threads: Int
  /// How many locks they take, and how much they do in between.
  package let locks: Int
  package let work: Int

  /// The shares of time to be taken away, in per mille: those of the policy's tables.
  package static let levels: [Int] = LossEstimates.levels.indices.map {
    Int(LossEstimates.levels[$0])
  }

  package init(
    seconds: Double, rounds: Int, cpus: [Int], threads: Int, locks: Int, work: Int
  ) {
    self.rounds = rounds
    slice = seconds / Double(rounds * Self.levels.count * Self.sets.count)
    self.cpus = cpus
    self.threads = threads
    self.locks = locks
    self.work = work
  }

  package static let sets: [LockSet] = [.native, .paravirtual, .testAndSet]

  /// The CPUs that this program may use, of the first 1024.
  package static var allowedCPUs: [Int] { (0..<1024).filter { cpu_is_allowed(CInt($0)) } }

  /// How long the load runs after a change before it is measured, in seconds.
  package var settling: Double { min(0.1, slice / 4) }

  /// How many slices there are.
  package var slices: Int { rounds * Self.levels.count * Self.sets.count }

  /// What a round goes through: the levels up or down in turn, and at each the sets, each first in turn, so
  /// that what changes by itself meanwhile is no set's and no level's.
  package static func order(round: Int) -> [(level: Int, set: LockSet)] {
    let ordered = round % 2 == 0 ? levels : levels.reversed()
    return ordered.enumerated().flatMap { index, level in
      sets.indices.map { (level, sets[($0 + index + round) % sets.count]) }
    }
  }
}
