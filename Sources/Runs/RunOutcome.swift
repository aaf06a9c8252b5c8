/// The outcome of a run, in three forms: text, JSON and a page.
public protocol RunOutcome {
  /// The signal that ended the run early.
  var signal: CInt? { get }
  /// Another reason why it ended early, as a sentence.
  var failure: String? { get }
  /// Whether everything that must hold did hold, as far as the run went; the sentences say so, too.
  var holds: Bool { get }

  /// What is shown, for lines of a width.
  func tables(width: Int) -> [RunTable]
  /// The findings in words, below the tables.
  var sentences: [String] { get }
  /// The longest line of a table in a pipe.
  var pipeWidth: Int { get }

  /// What `--json` prints.
  associatedtype JSON: Encodable
  /// Everything but the samples.
  var json: JSON { get }

  /// The run as a page.
  var page: RunPage { get }
}

extension RunOutcome {
  /// As wide as most tables are.
  public var pipeWidth: Int { 120 }

  /// How the run ended, for a page's small print.
  public func end(_ usual: String) -> String {
    failure ?? (signal == nil ? usual : "interrupted")
  }

  /// Ends the command with the exit status of the outcome, which has been shown already.
  public func exit() throws {
    if let failure { throw RunFailure(failure) }
    if !holds { throw RunStatus(code: 1) }
    if let signal { throw RunStatus(signal: signal) }
  }
}

/// What ended a run early.
public struct RunFailure: Error, CustomStringConvertible {
  /// A sentence.
  public let description: String

  /// A reason in these words.
  public init(_ description: String) { self.description = description }
}

/// The exit status of a command that has printed everything already.
public struct RunStatus: Error {
  /// What the shell gets.
  public let code: CInt

  /// A number.
  public init(code: CInt) { self.code = code }

  /// As a shell reports a program that a signal has ended.
  public init(signal: CInt) { code = 128 + signal }
}
