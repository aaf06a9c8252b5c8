import TestShims
import Testing
import Tidelock

// Arguments of a test cross to its process as text.
extension LockSet: Codable {}
extension PokeMethod: Codable {}

/// The body of an exit test: a process of its own, because what is switched is the process, and
/// because what is tested might hang or crash.
///
/// It begins in native, unless it is to be as a program starts.
///
/// A hang ends it by SIGALRM. Errors become issues of the test. Expectations go through `check`,
/// since only an issue's comment finds its way out of an exit test.
public func inOwnProcess(
  inNative: Bool = true, deadline seconds: UInt32 = 150, _ body: () throws -> Void
) {
  test_deadline(seconds)
  do {
    if inNative { try LockOperations.switch(to: .native) }
    try body()
  } catch {
    Issue.record("\(error)")
  }
}

/// Records an issue unless a condition holds.
///
/// Call it on the thread that runs the test.
public func check(_ condition: Bool, _ expectation: @autoclosure () -> String) {
  if !condition { Issue.record(Comment(rawValue: expectation())) }
}

/// Records an issue unless two values are equal.
public func check<Value: Equatable>(
  _ value: Value, is expected: Value, _ what: @autoclosure () -> String
) {
  check(value == expected, "\(what()) is \(value), expected \(expected)")
}
