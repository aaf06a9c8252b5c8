import Tidelock

/// The sets to switch to, from native, so that each of the six directions comes once and the last
/// is native again.
public let allDirections: [LockSet] = [
  .paravirtual, .testAndSet, .native, .testAndSet, .paravirtual, .native,
]

/// Switches in all six directions, from native, and checks each report.
public func switchInAllDirections(poking method: PokeMethod) throws {
  for set in allDirections {
    let before = LockOperations.current
    let report = try LockOperations.switch(to: set, poking: method, timeLimit: .seconds(60))
    check(report.result == .done, "\(before) to \(set): \(report.result)")
    check(LockOperations.current, is: set, "the set in force")
  }
}

/// A thread that switches in all directions, with each of some methods in turn, until it is told to stop;
/// then the set is native.
public struct ContinuousSwitching: ~Copyable {
  private let stop = Flag()
  private let words = SharedWords(1)
  private var thread: Workers
  private let failures: Failures

  /// Starts switching.
  public init(poking methods: PokeMethod...) {
    let (stop, words) = (stop, words)
    let failures = Failures()
    self.failures = failures
    thread = Workers(1) { _ in
      while !stop.isRaised {
        for method in methods {
          for set in allDirections {
            do {
              try LockOperations.switch(to: set, poking: method, timeLimit: .seconds(60))
              words[0] += 1
            } catch {
              failures.add("switching to \(set) by \(method): \(error)")
              return
            }
          }
        }
      }
    }
  }

  /// How many switches there have been.
  public var count: UInt64 { words[0] }

  /// Ends it, and records what failed.
  public consuming func finish() {
    stop.raise()
    let failures = failures
    thread.join()
    for failure in failures.all { check(false, failure) }
  }
}

/// Sentences from several threads.
public final class Failures: Sendable {
  private let sentences = Mutex<[String]>([])

  /// None yet.
  public init() {}
  /// Adds one.
  public func add(_ sentence: String) { sentences.withLock { $0.append(sentence) } }
  /// What was added.
  public var all: [String] { sentences.withLock { $0 } }
}
