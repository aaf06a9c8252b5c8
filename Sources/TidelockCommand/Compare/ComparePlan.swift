import LockSwitching
import Tidelock

/// The plan of the comparison, as data.
struct ComparePlan: Sendable {
  /// A protocol with its options, and its name.
  struct Contestant: Sendable {
    let `protocol`: SwitchProtocol
    let options: SwitchOptions
    let option: String?

    var name: String { option.map { "\(`protocol`), \($0)" } ?? `protocol`.description }
  }

  struct Load: Sendable {
    let name: String
    let threads: Int
  }

  let contestants: [Contestant]
  let loads: [Load]
  let cpus: Int
  /// How many switches each contestant makes under each load; without a number, as many as fit.
  let switches: Int?
  let seconds: Double
  /// How long a switch may take.
  let timeLimit: Duration

  /// One thread fewer than CPUs, at least two: fewer would not contend for a lock.
  static func spareThreads(cpus: Int) -> Int { max(2, cpus - 1) }

  /// How long the load runs after a change before it is measured.
  static let settling: Duration = .milliseconds(5)
}

extension Accounting {
  /// What its row is called, after where a reference ends.
  var rowName: String { self == .untilUnlock ? "until unlock" : "slow path only" }
}
