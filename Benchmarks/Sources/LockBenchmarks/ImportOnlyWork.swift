import Foundation
import Runs
import Synchronization
import Tidelock

/// One process's work: some runners that add to what one mutex guards, over and over.
///
/// The program starts itself, with the work as its arguments.
struct ImportOnlyWork {
  enum Mutex: String { case tidelock, synchronization }
  enum Runner: String, CaseIterable { case threads, tasks }

  var mutex: Mutex
  var runner: Runner
  var runners: Int
  /// How long they add.
  var seconds: Double

  /// What stands before the work in the arguments of a process that does it.
  private static let marker = "import-only-work"

  // MARK: The process that measures

  /// Has some processes do the work at one time; how many sections all did, and how many they lost.
  func run(inProcesses count: Int) throws -> (sections: UInt64, lostUpdates: UInt64) {
    // In the set that a program starts in.
    var environment = ProcessInfo.processInfo.environment
    environment["TIDELOCK_SET"] = nil
    let processes = try (0..<count).map { _ in
      let process = Process()
      // Of each its own: the process closes our writing end when it has started.
      let output = Pipe()
      process.executableURL = URL(fileURLWithPath: "/proc/self/exe")
      process.arguments = [
        Self.marker, mutex.rawValue, runner.rawValue, "\(runners)", "\(seconds)",
      ]
      process.environment = environment
      process.standardOutput = output
      try process.run()
      return (process, output.fileHandleForReading)
    }
    let lines = try processes.map { process, output in
      let text = String(decoding: try output.readToEnd() ?? Data(), as: UTF8.self)
      process.waitUntilExit()
      return text
    }
    // Each says how many, and how many of those the guarded word shows; not one that was interrupted.
    let counts = lines.map { line in
      line.split { $0 == " " || $0 == "\n" }.compactMap { UInt64($0) }
    }
    guard counts.count == count, counts.allSatisfy({ $0.count == 2 }) else {
      return (0, CaughtSignals.last == nil ? 1 : 0)
    }
    return (counts.reduce(0) { $0 + $1[0] }, counts.reduce(0) { $0 + ($1[0] - min($1[0], $1[1])) })
  }

  // MARK: The process that works

  /// The work that this process was started for; nil if it was not.
  init?(arguments: [String]) {
    guard arguments.count == 6, arguments[1] == Self.marker,
      let mutex = Mutex(rawValue: arguments[2]),
      let runner = Runner(rawValue: arguments[3]), let runners = Int(arguments[4]),
      let seconds = Double(arguments[5])
    else { return nil }
    self.init(mutex: mutex, runner: runner, runners: runners, seconds: seconds)
  }

  init(mutex: Mutex, runner: Runner, runners: Int, seconds: Double) {
    (self.mutex, self.runner, self.runners, self.seconds) = (mutex, runner, runners, seconds)
  }

  /// Does it, and says how many sections there were and how many the guarded word shows.
  func perform() async throws {
    let (sections, word) =
      switch mutex {
      case .tidelock: try await perform(TidelockMutex())
      case .synchronization: try await perform(SynchronizationMutex())
      }
    print(sections, word)
  }

  private func perform<Lock: BenchmarkLock>(_ lock: Lock) async throws -> (UInt64, UInt64) {
    let sections = OwnLines(Atomic<UInt64>(0))
    let end = Clock.seconds + seconds
    // The memory is the process's until it ends.
    @Sendable func note(_ count: UInt64) {
      unsafe sections.pointer.pointee.add(count, ordering: .relaxed)
    }
    switch runner {
    case .threads:
      try Workers(runners) { _ in
        while Clock.seconds < end { note(add(lock)) }
      }.join()
    case .tasks:
      await withTaskGroup { group in
        for _ in 0..<runners {
          group.addTask {
            while Clock.seconds < end {
              note(add(lock))
              // There are more tasks than threads for them.
              await Task.yield()
            }
          }
        }
      }
    }
    var word: UInt64 = 0
    lock.withLock { word = $0 }
    return (unsafe sections.pointer.pointee.load(ordering: .relaxed), word)
  }

  /// Some sections, one after the other; how many.
  @inline(never)
  private func add<Lock: BenchmarkLock>(_ lock: Lock) -> UInt64 {
    for _ in 0..<1000 { lock.withLock { $0 &+= 1 } }
    return 1000
  }
}
