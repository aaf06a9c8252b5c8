import ArgumentParser
import CPUIdentification
import Foundation
import Runs
import Synchronization

/// `tidelock policy compete`: the other program that takes CPUs away from `policy estimate`.
///
/// It does as each line of its standard input says, two numbers, and answers with a line; where the input
/// ends, so does it: it never outlives whoever started it.
struct CompeteCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compete",
    abstract: "Take CPUs away, for `policy estimate`.", shouldDisplay: false)

  func run() throws {
    // An interrupt is for whoever reads these lines' answers.
    for signal in CaughtSignals.endings { Glibc.signal(signal, SIG_IGN) }
    let crowd = Crowd()
    for cpu in EstimatePlan.allowedCPUs {
      for rank in 0..<Crowd.size { try crowd.add(rank, on: cpu) }
    }
    while let line = readLine() {
      let numbers = line.split(separator: " ").compactMap { Int($0) }
      guard numbers.count == 2 else { break }
      crowd.become(.init(always: numbers[0], partly: numbers[1]))
      try Output.standard.write("ready")
    }
    // The threads go on for ever.
    Foundation.exit(0)
  }
}

/// Threads that want to run, or not.
private final class Crowd: Sendable {
  /// How many there are on a CPU: as many as take 95 % of it.
  static let size = 20
  /// For how long one that is to run now and then does so, in nanoseconds: a slice of the scheduler's.
  static let slice: UInt64 = 3_000_000

  private struct State {
    var competition = EstimatePlan.Competition(always: 0, partly: 0)
    var version = 0
  }

  private let condition = NSCondition()
  // Guarded by the condition; the version is read without it by those who run.
  private let state = Synchronization.Mutex(State())
  private let version = Atomic<Int>(0)

  func become(_ competition: EstimatePlan.Competition) {
    condition.withLock {
      state.withLock {
        $0.competition = competition
        $0.version += 1
        version.store($0.version, ordering: .relaxed)
      }
      condition.broadcast()
    }
  }

  func add(_ rank: Int, on cpu: Int) throws {
    _ = try WorkerThread {
      _ = cpu_pin(CInt(cpu))
      while true { self.follow(rank) }
    }
  }

  /// Does as is said, until something else is.
  private func follow(_ rank: Int) {
    let state = self.state.withLock { $0 }
    if rank < state.competition.always {
      while version.load(ordering: .relaxed) == state.version { spin(for: Self.slice) }
    } else if rank == state.competition.always, state.competition.partly > 0 {
      let period = Double(Self.slice) / Double(state.competition.partly) * 1000 / 1e9
      var next = Date.now
      while version.load(ordering: .relaxed) == state.version {
        spin(for: Self.slice)
        next = max(next.addingTimeInterval(period), .now)
        wait(while: state.version, until: next)
      }
    } else {
      wait(while: state.version)
    }
  }

  private func wait(while current: Int, until end: Date? = nil) {
    condition.withLock {
      while state.withLock({ $0.version }) == current {
        guard let end else {
          condition.wait()
          continue
        }
        if !condition.wait(until: end) { return }
      }
    }
  }

  /// Runs for so many nanoseconds of its own time.
  private func spin(for nanoseconds: UInt64) {
    let end = Self.ownTime + nanoseconds
    while Self.ownTime < end {}
  }

  private static var ownTime: UInt64 {
    var time = timespec()
    // SAFETY: a local that outlives the call.
    unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}

/// The program that competes, as the one that measures has it.
final class Competitor {
  /// It could not be started, or has ended by itself.
  struct Failure: Error, CustomStringConvertible {
    let reason: String
    var description: String {
      "The program that takes CPUs away \(reason); run the estimate again."
    }
  }

  private let process = Process()
  private let orders = Pipe()
  private let answers = Pipe()

  init() throws {
    do {
      // Not by the link's own name: that would be the child's.
      let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
      process.executableURL = URL(fileURLWithPath: own)
      process.arguments = ["policy", "compete"]
      process.standardInput = orders
      process.standardOutput = answers
      // Its end is an error to be thrown, not this program's end.
      signal(SIGPIPE, SIG_IGN)
      try process.run()
    } catch {
      throw Failure(reason: "cannot be started (\(error))")
    }
  }

  /// Returns once everybody has been told.
  func become(_ competition: EstimatePlan.Competition) throws {
    do {
      try orders.fileHandleForWriting.write(
        contentsOf: Data("\(competition.always) \(competition.partly)\n".utf8))
    } catch {
      throw Failure(reason: "has ended")
    }
    guard !answers.fileHandleForReading.availableData.isEmpty else {
      throw Failure(reason: "has ended")
    }
  }

  /// Ends it.
  func end() {
    try? orders.fileHandleForWriting.close()
    process.waitUntilExit()
  }
}
